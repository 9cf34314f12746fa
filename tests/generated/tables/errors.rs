//! docs/errors.md, and the codes of the Go package.

use std::fmt::Write as _;

use ocireg::error::{Code, DOCUMENTATION};

use super::notice;

const SOURCE: &str = "src/error/codes.rs";

const HEAD: &str = r#"
# Errors

Every function that can fail returns a code: `OCIREG_OK` (0), or one of those below. The numbers never change; new ones may be
added. Where there is an error object, it says more than the code:

| C | Python | Go | what it is |
|---|---|---|---|
| `ocireg_error_code()` | `e.code` | `e.Code` | the number |
| `ocireg_code_name()` | `e.name` | `e.Name` | its name |
| `ocireg_error_message()` | `e.message` | `e.Message` | one line: what was being done, to what, and what went wrong |
| `ocireg_error_hint()` | `e.hint` | `e.Hint` | what you can do |
| `ocireg_error_http_status()` | `e.http_status` | `e.HTTPStatus` | the status of the response, if one caused it |
| `ocireg_error_retryable()` | `e.retryable` | `e.Retryable` | whether the same call may succeed later |
| `ocireg_error_json()` | `e.document` | `e.Raw` | all of it as JSON |

The JSON object has `code`, `name`, `message`, `retryable`, and where they apply `causes`, `hint`, `http_status`, `errors` (the
registry's own: `code`, `message`, `detail`), `method`, `scheme`, `host`, `path`, `endpoint`, `phase`, `digest_expected`,
`digest_actual`, `size_expected`, `size_actual`, `bytes_done`, `retry_after_ms`, `cancelled_by`, `what`, `argument`, and
`attempts` (an object like this one for each endpoint that was tried). It never contains a secret or a query string.
"#;

const GROUPS: &[(i32, &str)] = &[
    (1, "Arguments and configuration"),
    (20, "The end of a call"),
    (40, "Network"),
    (60, "Credentials"),
    (80, "Registry"),
    (100, "Content"),
    (120, "This machine"),
    (200, "ocireg itself"),
];

pub fn markdown() -> String {
    let mut text = format!("<!-- {} -->\n{HEAD}", notice(SOURCE));
    let mut groups = GROUPS.iter().peekable();
    for row in DOCUMENTATION {
        let (number, name) = (row.code.number(), row.code.name());
        if let Some((_, title)) = groups.next_if(|(first, _)| *first <= number) {
            let _ = write!(text, "\n## {title}\n");
        }
        let _ = write!(
            text,
            "\n### {name} ({number})\n\n{}\n\n- **When:** {}\n- **What to do:** {}.\n- **Example:** `{}`\n",
            sentence(row.code),
            row.when,
            capital(row.advice),
            row.example,
        );
    }
    text
}

fn sentence(code: Code) -> &'static str {
    code.text().to_str().expect("UTF-8")
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

pub fn go() -> String {
    let mut text = format!(
        "// Code generated from {SOURCE}. DO NOT EDIT.\n//\n// {}\n\npackage ocireg\n",
        notice("there")
    );
    text += "\n// The error codes, as in ocireg.h.\nconst (\n";
    for code in Code::ALL {
        let _ = write!(
            text,
            "\t// {}\n\tCode{} Code = {}\n",
            sentence(*code),
            go_name(code.name()),
            code.number()
        );
    }
    text + ")\n"
}

fn go_name(name: &str) -> String {
    name.split('_')
        .map(|word| match word {
            "IO" | "JSON" | "TLS" | "UTF8" => word.to_owned(),
            word => word[..1].to_owned() + &word[1..].to_lowercase(),
        })
        .collect()
}
