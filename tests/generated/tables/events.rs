//! docs/events.md.

use std::fmt::Write as _;

use ocireg::call::event::DOCUMENTATION;

use super::{notice, one_line};

const HEAD: &str = r#"
# Progress events

A progress callback receives the events of a call: `ocireg_context_set_progress()` in C, `Context(progress=…)` in Python,
`ocireg.WithProgress(…)` in Go. Each time it gets the bytes that the whole call has transferred, the bytes that it will transfer as
far as that is known, and one event, a JSON object. It can stop the call, which then fails with `CANCELLED`.

The callback runs on the thread that makes the call. The key `kind` says what happened. Ignore kinds and keys that you do not
know: newer versions may add some.

```json
{"kind": "blob", "digest": "sha256:0123…", "media_type": "application/vnd.oci.image.layer.v1.tar+gzip", "offset": 1048576,
 "total": 3401613, "done": false, "direction": "down", "source": "network"}
```
"#;

pub fn markdown() -> String {
    let mut text = format!("<!-- {} -->\n{HEAD}", notice("src/call/event.rs"));
    for event in DOCUMENTATION {
        let _ = write!(text, "\n## {}\n\n{}\n", event.kind, one_line(event.text));
        if !event.keys.is_empty() {
            text += "\n| key | meaning |\n|---|---|\n";
        }
        for (key, meaning) in event.keys {
            let _ = writeln!(text, "| `{key}` | {} |", one_line(meaning));
        }
    }
    text
}
