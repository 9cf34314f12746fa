//! Python programs that end or collect garbage in the middle of a call. The binding has its own tests; these are rows of
//! the threat model.

use std::path::Path;
use std::process::Command;

use ocireg_testkit::image::Spec;
use ocireg_testkit::stage;
use ocireg_testkit::{Action, Fault, Registry};

const PROGRAM: &str = r#"
import gc, sys, threading, time
import ocireg

reference, layouts, ends = sys.argv[1], sys.argv[2], sys.argv[3] == "ends"
service = ocireg.Service({"docker-config": "", "environment": False})
told = []

def pull(number):
    # Nobody here keeps the callback and the context, and the log's function is replaced while it is in use.
    service.set_log(lambda level, record: told.append(level))
    service.pull(reference, f"oci:{layouts}/{number}",
                 context=ocireg.Context(progress=lambda *event: (gc.collect(), told.append(event))))

def work(number):
    while True:
        try:
            pull(number)
        except ocireg.CancelledError:
            return

if ends:
    for number in range(4):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    time.sleep(0.5)
else:
    for number in range(3):
        pull(number)
        gc.collect()
    assert len(told) > 10, told
print("end")
"#;

fn run(how: &str, repeat: usize) {
    let registry = Registry::plain();
    let image = Spec::sized(2, 1 << 20).build();
    image.push_to(&registry, "app", "1");
    registry.fault(
        Fault::on("/blobs/", Action::Trickle(64 << 10, std::time::Duration::from_millis(20)))
            .always(),
    );
    let library = stage::prefix().join("lib/libocireg.so.0");
    for _ in 0..repeat {
        let layouts = ocireg_testkit::tempdir();
        let mut python = Command::new(stage::python_with("ctypes"));
        python.args(["-X", "dev", "-c", PROGRAM]).arg(format!("{}/app:1", registry.host()));
        python.arg(Path::new(layouts.path())).arg(how);
        python.env("OCIREG_LIBRARY", &library);
        python.env("PYTHONPATH", stage::root().join("bindings/python"));
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        let output = python.output().expect("python starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout == b"end\n", "{}: {said}", output.status);
    }
}

#[test]
fn x24_python_collects_garbage_while_its_callbacks_are_called() {
    run("lasts", 1);
}

#[test]
fn x26_python_ends_while_its_threads_transfer() {
    run("ends", 3);
}
