//! Cancelling, deadlines, time-outs and progress: a call ends when it is told to, whatever it waits for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::c_surface::images::{Context, Session};
use crate::c_surface::{Outcome, Service, children, layouts};
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::server::{BlackHole, ConnectFault};
use ocireg_testkit::{
    Action, Auth, Ca, Cut, Fault, Proxy, Registry, ServerOptions, TokenServer, slow_dns,
};
use serde_json::{Value, json};

const CANCELLED: i32 = 20;
const DEADLINE: i32 = 21;
const TIMEOUT: i32 = 44;

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

/// When calls are interrupted.
const AFTER: Duration = Duration::from_millis(300);

/// A call that hangs at some step until its context ends it.
struct Hanging {
    name: String,
    call: Box<Call>,
}

type Call = dyn Fn(Option<&Context>) -> Outcome<()> + Send + Sync;

fn hanging(
    name: &str,
    call: impl Fn(Option<&Context>) -> Outcome<()> + Send + Sync + 'static,
) -> Hanging {
    Hanging { name: name.to_owned(), call: Box::new(call) }
}

fn none() -> Value {
    json!({})
}

fn image() -> Image {
    Spec::sized(6, 300_000).build()
}

/// A registry with the image demo/app:1.
fn registry() -> Registry {
    let registry = Registry::plain();
    image().push_to(&registry, "demo/app", "1");
    registry
}

fn reference(registry: &Registry) -> String {
    format!("{}/demo/app:1", registry.host())
}

/// A session of a repository that has asked nothing yet.
fn silent_session(service: &Service, url: &str) -> Session {
    let endpoint = service
        .endpoint(&json!({"URL": url, "Version": "v2", "Official": false}))
        .expect("an endpoint");
    let session = endpoint.session(Some(&none())).expect("a session");
    session.repository("demo/app").expect("a repository")
}

fn pull(service: &Service, context: Option<&Context>, reference: &str, check: bool) -> Outcome<()> {
    let layout = ocireg_testkit::tempdir();
    let destination = format!("oci:{}:x", layout.path().display());
    let pulled = service.pull(context, reference, &destination, &none());
    layouts::assert_sound(layout.path());
    if check {
        assert_eq!(layouts::images(layout.path()), usize::from(pulled.is_ok()));
    }
    pulled.map(drop)
}

/// All calls against a registry on which what they wait for never comes.
fn stuck_at(step: &str, fault: Action) -> Vec<Hanging> {
    let service = Arc::new(Service::bare(none()));
    let digest = image().manifests[0].layers[0].clone();
    let stuck = |path: &str| {
        let registry = registry();
        registry.fault(Fault::on(path, fault.clone()).method("GET").always());
        registry
    };
    let mut all = Vec::new();
    let (registry, s) = (stuck("/v2/"), service.clone());
    all.push(hanging(&format!("{step}: open"), move |context| {
        s.open(context, &reference(&registry), &none()).map(drop)
    }));
    let (registry, s) = (stuck("/manifests/"), service.clone());
    let session = s.open(None, &reference(&registry), &none()).expect("a session");
    all.push(hanging(&format!("{step}: get_manifest"), move |context| {
        let _alive = &registry;
        session.get_manifest(context, None, &none()).map(drop)
    }));
    let (registry, s) = (stuck("/manifests/"), service.clone());
    all.push(hanging(&format!("{step}: inspect"), move |context| {
        s.inspect(context, &reference(&registry), &none()).map(drop)
    }));
    let (registry, s) = (stuck("/blobs/"), service.clone());
    all.push(hanging(&format!("{step}: pull"), move |context| {
        pull(&s, context, &reference(&registry), true)
    }));
    let (registry, s) = (stuck("/blobs/"), service.clone());
    let session = s.open(None, &reference(&registry), &none()).expect("a session");
    all.push(hanging(&format!("{step}: open_blob and read"), move |context| {
        let _alive = &registry;
        let mut reader = session.open_blob(context, &digest, 0, &none())?;
        reader.read_to_end(context, &mut Vec::new())
    }));
    all
}

/// All calls against an address where no connection comes about.
fn stuck_before_http(step: &str, host: &str, keep: impl Send + Sync + 'static) -> Vec<Hanging> {
    stuck_without_connection(step, host, &none(), keep)
}

/// The same with these options.
fn stuck_without_connection(
    step: &str,
    host: &str,
    options: &Value,
    keep: impl Send + Sync + 'static,
) -> Vec<Hanging> {
    let service = Arc::new(Service::bare(options.clone()));
    let keep = Arc::new(keep);
    let reference = format!("{host}/demo/app:1");
    let session = Arc::new(silent_session(&service, &format!("https://{host}")));
    let digest = image().manifests[0].layers[0].clone();
    let mut all = Vec::new();
    let (s, r, k) = (service.clone(), reference.clone(), keep.clone());
    all.push(hanging(&format!("{step}: open"), move |context| {
        let _alive = &k;
        s.open(context, &r, &none()).map(drop)
    }));
    let (s, r) = (service.clone(), reference.clone());
    all.push(hanging(&format!("{step}: pull"), move |context| pull(&s, context, &r, true)));
    let (s, r) = (service, reference);
    all.push(hanging(&format!("{step}: inspect"), move |context| {
        s.inspect(context, &r, &none()).map(drop)
    }));
    let s = session.clone();
    all.push(hanging(&format!("{step}: get_manifest"), move |context| {
        s.get_manifest(context, Some("1"), &none()).map(drop)
    }));
    let s = session.clone();
    all.push(hanging(&format!("{step}: list_tags"), move |context| {
        s.list_tags(context, &none()).map(drop)
    }));
    all.push(hanging(&format!("{step}: open_blob"), move |context| {
        session.open_blob(context, &digest, 0, &none()).map(drop)
    }));
    all
}

fn stuck_at_token() -> Vec<Hanging> {
    let token = Arc::new(TokenServer::plain());
    token.fault(Fault::on("/token", Action::Delay(LONG)).always());
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    image().push_to(&registry, "demo/app", "1");
    let registry = Arc::new(registry);
    let service = Arc::new(Service::bare(none()));
    let session = service.open(None, &reference(&registry), &none()).expect("a session");
    let mut all = Vec::new();
    all.push(hanging("token: get_manifest", move |context| {
        session.get_manifest(context, None, &none()).map(drop)
    }));
    let (s, r, t) = (service.clone(), registry.clone(), token);
    all.push(hanging("token: pull", move |context| {
        let _alive = &t;
        pull(&s, context, &reference(&r), true)
    }));
    all.push(hanging("token: inspect", move |context| {
        service.inspect(context, &reference(&registry), &none()).map(drop)
    }));
    all
}

/// Cancels the call while it hangs.
fn assert_cancels(hanging: &Hanging) {
    let name = &hanging.name;
    let context = Context::new();
    let (error, late) = thread::scope(|scope| {
        let call = scope.spawn(|| (hanging.call)(Some(&context)).expect_err(name));
        thread::sleep(AFTER);
        assert!(!call.is_finished(), "{name} does not hang: {:?}", call.join());
        let at = Instant::now();
        context.cancel();
        (call.join().expect("the call returns"), at.elapsed())
    });
    assert_eq!(error.code, CANCELLED, "{name}: {error:?}");
    assert_eq!(error.json["cancelled_by"], "context", "{name}: {error:?}");
    assert!(late < Duration::from_secs(1), "{name} took {late:?} to be cancelled");
}

/// Lets the call run into its deadline.
fn assert_meets_deadline(hanging: &Hanging) {
    let name = &hanging.name;
    let began = Instant::now();
    let context = Context::timeout(AFTER.as_millis() as u64);
    let error = (hanging.call)(Some(&context)).expect_err(name);
    let took = began.elapsed();
    assert_eq!(error.code, DEADLINE, "{name}: {error:?}");
    assert_eq!(error.json["phase"], "deadline", "{name}: {error:?}");
    assert!(took >= AFTER, "{name} ended after {took:?}, before its deadline");
    assert!(took < AFTER + Duration::from_millis(500), "{name} ended after {took:?}");
}

/// Every call that hangs is cancelled and runs into a deadline, a few at a time.
fn assert_interruptible(all: Vec<Hanging>) {
    for hanging in &all {
        thread::scope(|scope| {
            scope.spawn(|| assert_cancels(hanging));
            scope.spawn(|| assert_meets_deadline(hanging));
        });
    }
    // A context that has ended begins nothing.
    for hanging in &all {
        let context = Context::new();
        context.cancel();
        let began = Instant::now();
        let error = (hanging.call)(Some(&context)).expect_err(&hanging.name);
        assert_eq!(error.code, CANCELLED, "{}: {error:?}", hanging.name);
        assert!(began.elapsed() < Duration::from_millis(200), "{}", hanging.name);
    }
}

#[test]
fn interrupted_in_connect() {
    let hole = BlackHole::start();
    let host = hole.address().to_string();
    assert_interruptible(stuck_before_http("connect", &host, hole));
}

#[test]
fn interrupted_in_tls() {
    let registry = registry();
    registry.connect_fault(ConnectFault::SilenceAfterHello(LONG), usize::MAX);
    let host = registry.host();
    assert_interruptible(stuck_before_http("tls", &host, registry));
}

#[test]
fn interrupted_waiting_for_a_proxy() {
    let proxy = Proxy::open();
    proxy.fault(Fault::on("", Action::Delay(LONG)).always());
    let options = json!({"proxy": proxy.url()});
    assert_interruptible(stuck_without_connection("proxy", "127.0.0.1:1", &options, proxy));
    let mute = Proxy::open();
    mute.connect_fault(ConnectFault::SilenceAfterHello(LONG), usize::MAX);
    let options = json!({"proxy": format!("https://{}", mute.host())});
    assert_interruptible(stuck_without_connection("proxy by TLS", "127.0.0.1:1", &options, mute));
}

#[test]
fn interrupted_waiting_for_headers() {
    assert_interruptible(stuck_at("header", Action::Delay(LONG)));
}

#[test]
fn interrupted_in_body() {
    assert_interruptible(stuck_at("body", Action::Stall(1, LONG)));
}

#[test]
fn interrupted_over_tls() {
    for (path, fault) in [
        ("/manifests/", Action::Delay(LONG)),
        ("/manifests/", Action::Stall(1, LONG)),
        ("/blobs/", Action::Stall(100_000, LONG)),
        ("/blobs/", Action::Trickle(1, Duration::from_millis(200))),
    ] {
        let ca = Ca::default();
        let registry = Registry::tls(&ca);
        image().push_to(&registry, "demo/app", "1");
        registry.fault(Fault::on(path, fault).always());
        let certs = ocireg_testkit::tempdir();
        ca.write_certs_d(certs.path(), &registry.host(), None);
        let service = Service::bare(json!({"certs-dir": certs.path()}));
        assert_interruptible(vec![hanging(&format!("tls: {path}"), move |context| {
            let _alive = &certs;
            pull(&service, context, &reference(&registry), true)
        })]);
    }
}

#[test]
fn interrupted_in_a_trickle() {
    let slowly = Action::Trickle(1, Duration::from_millis(300));
    assert_interruptible(stuck_at("trickle", slowly));
}

#[test]
fn interrupted_between_attempts() {
    assert_interruptible(stuck_at("retry wait", Action::retry_after(429, "30")));
    assert_interruptible(stuck_at("retry wait", Action::retry_after(503, "30")));
}

#[test]
fn interrupted_waiting_for_a_token() {
    assert_interruptible(stuck_at_token());
}

/// The threads of the library in this process.
fn library_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("read /proc");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("ocireg"))
        .collect()
}

fn assert_no_library_threads(after: &str) {
    // A thread that has been joined may take a moment to leave the list.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        if library_threads().is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("after {after}: {:?}", library_threads());
}

#[test]
fn interrupted_in_name_lookup() {
    if children::told().is_none() {
        let dir = ocireg_testkit::tempdir();
        let library = slow_dns::build(dir.path());
        let mut command = children::command("interrupted_in_name_lookup", "");
        slow_dns::apply(&mut command, &library, Duration::from_secs(4), &[]);
        children::expect_success(&mut command);
        return;
    }
    let all = stuck_before_http("dns", "slow.test:5000", ());
    for hanging in &all {
        // One after the other: more lookups than may be left behind.
        assert_cancels(hanging);
        assert_meets_deadline(hanging);
        let left = library_threads();
        assert!(left.len() <= 4, "after {}: {left:?}", hanging.name);
        assert!(left.iter().all(|name| name.starts_with("ocireg-dns")), "{left:?}");
    }
    let service = Service::bare(json!({"timeouts": {"connect-ms": 300}}));
    let error = service.open(None, "slow.test:5000/demo/app:1", &none()).err().expect("too slow");
    assert_eq!((error.code, &error.json["phase"]), (TIMEOUT, &json!("dns")), "{error:?}");
    // The lookups that were left behind end by themselves.
    drop(all);
    thread::sleep(Duration::from_secs(5));
    assert_no_library_threads("the lookups' end");
}

#[test]
fn no_thread_outlives_its_call() {
    if children::told().is_none() {
        children::expect_success(&mut children::command("no_thread_outlives_its_call", ""));
        return;
    }
    for hanging in stuck_at("body", Action::Stall(1, LONG)) {
        assert_cancels(&hanging);
        assert_no_library_threads(&hanging.name);
        assert_meets_deadline(&hanging);
        assert_no_library_threads(&hanging.name);
    }
    let registry = registry();
    let service = Service::bare(none());
    pull(&service, None, &reference(&registry), true).expect("a pull");
    assert_no_library_threads("a pull");
    registry.fault(Fault::on(&image().manifests[0].layers[3], Action::status(404)).always());
    pull(&service, None, &reference(&registry), true).expect_err("a pull that fails");
    assert_no_library_threads("a pull that failed");
}

#[test]
fn a_reader_goes_on_with_another_context() {
    let registry = Registry::plain();
    let digest = registry.add_blob_generated("demo/app", 5, 3 << 20);
    let whole = registry.blob("demo/app", &digest).expect("the blob").to_vec();
    registry.add_manifest("demo/app", Some("1"), "application/json", "{}");
    let service = Service::bare(none());
    for stop in ["cancel", "deadline", "cancel before"] {
        registry.clear_faults();
        if stop != "cancel before" {
            registry.fault(Fault::on("/blobs/", Action::Stall(1 << 20, LONG)));
        }
        let session = service.open(None, &reference(&registry), &none()).expect("a session");
        let mut reader = session.open_blob(None, &digest, 0, &none()).expect("a reader");
        let mut bytes = Vec::new();
        let context = match stop {
            "deadline" => Context::timeout(300),
            _ => Context::new(),
        };
        let error = thread::scope(|scope| {
            if stop == "cancel" {
                scope.spawn(|| {
                    thread::sleep(AFTER);
                    context.cancel();
                });
            } else if stop == "cancel before" {
                context.cancel();
            }
            reader.read_to_end(Some(&context), &mut bytes).expect_err(stop)
        });
        assert_eq!(error.code, if stop == "deadline" { DEADLINE } else { CANCELLED }, "{error:?}");
        // The same context ends every further read, another one goes on.
        let again = reader.read(Some(&context), &mut [0; 16]).expect_err(stop);
        assert_eq!(again.code, error.code);
        reader.read_to_end(Some(&Context::timeout(10_000)), &mut bytes).expect("the rest");
        assert!(bytes == whole, "{stop}: the bytes are not those of the blob");
        assert_eq!(reader.read(None, &mut [0; 16]).expect("the end stays"), 0);
    }
}

#[test]
fn one_context_ends_several_calls() {
    let all: Vec<Hanging> = stuck_at("header", Action::Delay(LONG))
        .into_iter()
        .chain(stuck_at("body", Action::Stall(1, LONG)))
        .collect();
    let context = Context::new();
    thread::scope(|scope| {
        let calls: Vec<_> = all
            .iter()
            .map(|hanging| scope.spawn(|| (hanging.call)(Some(&context)).expect_err("cancelled")))
            .collect();
        thread::sleep(AFTER);
        let at = Instant::now();
        context.cancel();
        for (call, hanging) in calls.into_iter().zip(&all) {
            let error = call.join().expect("the call returns");
            assert_eq!(error.code, CANCELLED, "{}: {error:?}", hanging.name);
        }
        assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
    });
}

#[test]
fn one_deadline_for_several_calls_can_be_set_again() {
    let registry = registry();
    let service = Service::bare(none());
    let context = Context::timeout(200);
    thread::sleep(Duration::from_millis(250));
    let error = pull(&service, Some(&context), &reference(&registry), false).expect_err("too late");
    assert_eq!(error.code, DEADLINE, "{error:?}");
    context.set_timeout(30_000);
    pull(&service, Some(&context), &reference(&registry), true).expect("time enough");
    context.set_timeout(0);
    pull(&service, Some(&context), &reference(&registry), true).expect("no deadline");
}

/// What one event said, and when.
#[derive(Debug, Clone)]
struct Told {
    at: Instant,
    done: u64,
    total: u64,
    event: Value,
}

fn listening() -> (Context, Arc<Mutex<Vec<Told>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let caller = thread::current().id();
    let context = Context::with_progress(move |done, total, event| {
        assert_eq!(thread::current().id(), caller, "told on the thread that made the call");
        list.lock().unwrap().push(Told { at: Instant::now(), done, total, event: event.clone() });
        false
    });
    (context, told)
}

fn kinds_of(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect()
}

fn kinds(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.event["kind"].as_str().expect("a kind")).collect()
}

#[test]
fn progress_of_a_pull() {
    let registry = registry();
    registry
        .fault(Fault::on("/blobs/", Action::Trickle(20_000, Duration::from_millis(20))).times(7));
    registry.fault(Fault::on("/manifests/", Action::retry_after(503, "0")));
    let service = Service::bare(none());
    let (context, told) = listening();
    pull(&service, Some(&context), &reference(&registry), true).expect("a pull");
    drop(context);
    let told = told.lock().unwrap();
    let kinds = kinds(&told);
    assert_eq!(kinds[0], "start", "{kinds:?}");
    // https does not answer, http does.
    assert_eq!(kinds[1], "endpoint", "{kinds:?}");
    for kind in ["wait", "retry", "manifest", "blob", "finish"] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    assert_eq!(kinds.last(), Some(&"finish"));
    let total: u64 = image().blobs.values().filter_map(|body| body.len()).sum();
    let last = told.last().expect("events");
    assert_eq!((last.done, last.total), (total, total));
    for pair in told.windows(2) {
        assert!(pair[0].done <= pair[1].done, "done went back: {pair:?}");
        assert!(pair[0].total <= pair[1].total, "total went back: {pair:?}");
    }
    for t in told.iter().filter(|t| t.total > 0) {
        assert!(t.done <= t.total, "{t:?}");
    }
    for digest in image().blobs.keys() {
        let own: Vec<&Told> = told
            .iter()
            .filter(|t| t.event["kind"] == "blob" && t.event["digest"] == *digest.as_str())
            .collect();
        assert_eq!(own.last().expect("events of a blob").event["done"], true);
        assert_eq!(own.iter().filter(|t| t.event["done"] == true).count(), 1);
        let running = own.iter().filter(|t| t.event["done"] == false);
        let running: Vec<u64> = running.map(|t| t.event["offset"].as_u64().unwrap()).collect();
        assert!(running.is_sorted(), "{running:?}");
    }
}

/// What the documentation says of events is what programs see: no kind and no key that is never sent, and none that is not
/// documented.
#[test]
fn every_documented_event_is_sent_with_its_keys() {
    use ocireg::call::event::DOCUMENTATION;
    let registry = registry();
    // A pause that is long enough for a tick.
    registry.fault(Fault::on("/manifests/", Action::retry_after(503, "1")));
    let service = Service::bare(json!({"max-concurrent-downloads": 1}));
    let mut seen: Vec<Value> = Vec::new();
    let listen = |call: &dyn Fn(&Context)| {
        let (context, told) = listening();
        call(&context);
        drop(context);
        let told = told.lock().unwrap();
        told.iter().map(|told| told.event.clone()).collect::<Vec<_>>()
    };
    seen.extend(listen(&|context| {
        pull(&service, Some(context), &reference(&registry), true).expect("a pull");
    }));
    // Two calls share the one transfer at a time.
    registry.fault(Fault::on("/blobs/", Action::Trickle(100_000, Duration::from_millis(100))));
    thread::scope(|scope| {
        let pulls: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    listen(&|context| {
                        pull(&service, Some(context), &reference(&registry), true).expect("a pull");
                    })
                })
            })
            .collect();
        pulls.into_iter().for_each(|pull| seen.extend(pull.join().expect("events")));
    });
    seen.extend(listen(&|context| {
        let to = format!("docker://{}/other/app:1", registry.host());
        let from = format!("docker://{}", reference(&registry));
        service.copy(Some(context), &from, &to, &none()).expect("a copy");
    }));
    for documented in DOCUMENTATION {
        let kind = documented.kind;
        let own: Vec<_> = seen.iter().filter(|event| event["kind"] == kind).collect();
        assert!(!own.is_empty(), "{kind} is never sent");
        let keys = documented.keys.iter().map(|(key, _)| *key);
        // An image of protocol v1 is pulled elsewhere.
        for key in keys.clone().filter(|key| *key != "what") {
            assert!(own.iter().any(|event| event.get(key).is_some()), "{kind} never has {key}");
        }
        for key in own.iter().flat_map(|event| event.as_object().expect("an object").keys()) {
            assert!(key == "kind" || keys.clone().any(|known| known == key), "{kind}: {key}");
        }
    }
    for kind in kinds_of(&seen) {
        assert!(DOCUMENTATION.iter().any(|documented| documented.kind == kind), "{kind}");
    }
    for source in ["network", "mounted"] {
        assert!(seen.iter().any(|event| event["source"] == source), "{source}");
    }
    let waits = |attempt: bool| {
        seen.iter()
            .any(|event| event["kind"] == "wait" && event.get("attempt").is_some() == attempt)
    };
    assert!(waits(true) && waits(false), "a wait for an attempt, and one for a place");
    let at = |kind: &str| seen.iter().position(|event| event["kind"] == kind);
    assert!(at("wait") < at("retry"), "the pause comes before the attempt");
}

/// Byte counts are of blobs: a bar for a call that moves none would say nothing true.
#[test]
fn calls_that_move_no_blobs_report_no_bytes() {
    let registry = registry();
    let service = Service::bare(json!({"retry": {"initial-ms": 1, "max-ms": 1}}));
    let options = json!({"actions": ["pull", "push"]});
    let session = service.open(None, &reference(&registry), &options).expect("a session");
    type Named<'a> = (&'a str, &'a dyn Fn(&Context) -> Outcome<()>);
    let calls: [Named<'_>; 5] = [
        ("open", &|context| service.open(Some(context), &reference(&registry), &none()).map(drop)),
        ("get_manifest", &|context| session.get_manifest(Some(context), None, &none()).map(drop)),
        ("head_manifest", &|context| session.head_manifest(Some(context), None, &none()).map(drop)),
        ("list_tags", &|context| session.list_tags(Some(context), &none()).map(drop)),
        ("inspect", &|context| {
            service.inspect(Some(context), &reference(&registry), &none()).map(drop)
        }),
    ];
    for (name, call) in calls {
        registry.clear_faults();
        registry.fault(Fault::on("", Action::retry_after(503, "0")));
        let (context, told) = listening();
        call(&context).expect(name);
        drop(context);
        let told = told.lock().unwrap();
        assert!(kinds(&told).contains(&"retry"), "{name}: {:?}", kinds(&told));
        for event in told.iter() {
            assert_eq!((event.done, event.total), (0, 0), "{name}: {event:?}");
        }
    }
}

#[test]
fn progress_of_a_blob_comes_at_most_ten_times_a_second() {
    let registry = Registry::plain();
    Spec::sized(1, 8 << 20).build().push_to(&registry, "demo/app", "1");
    registry.fault(
        Fault::on("/blobs/", Action::Trickle(128 << 10, Duration::from_millis(10))).times(2),
    );
    let (context, told) = listening();
    let began = Instant::now();
    pull(&Service::bare(none()), Some(&context), &reference(&registry), true).expect("a pull");
    let took = began.elapsed();
    drop(context);
    let layer = image_layer(&told.lock().unwrap());
    // Events wait for the caller's thread, so it is their number over the time that is bounded.
    assert!(layer >= 2, "{layer} events");
    assert!(layer as u128 <= took.as_millis() / 100 + 2, "{layer} events in {took:?}");
}

/// The number of events of the one large blob.
fn image_layer(told: &[Told]) -> usize {
    told.iter()
        .filter(|t| t.event["kind"] == "blob" && t.event["total"].as_u64() > Some(1 << 20))
        .count()
}

#[test]
fn a_tick_a_second_while_waiting() {
    // On the caller's own thread (headers, retry wait) and while workers wait (body).
    for (path, fault) in [
        ("/manifests/", Action::Delay(LONG)),
        ("/manifests/", Action::retry_after(429, "30")),
        ("/blobs/", Action::Stall(1, LONG)),
    ] {
        let registry = registry();
        registry.fault(Fault::on(path, fault.clone()).always());
        let (context, told) = listening();
        context.set_timeout(3_300);
        let error = pull(&Service::bare(none()), Some(&context), &reference(&registry), true)
            .expect_err("it hangs");
        assert_eq!(error.code, DEADLINE);
        let ended = Instant::now();
        drop(context);
        let told = told.lock().unwrap();
        assert!(kinds(&told).iter().filter(|kind| **kind == "tick").count() >= 2, "{told:?}");
        let mut times: Vec<Instant> = told.iter().map(|told| told.at).collect();
        times.push(ended);
        for pair in times.windows(2) {
            let silence = pair[1] - pair[0];
            assert!(silence < Duration::from_millis(1250), "{fault:?}: silent for {silence:?}");
        }
    }
}

#[test]
fn x12_f29_progress_stops_a_call_at_any_event() {
    let registry = registry();
    registry.fault(Fault::on("/manifests/", Action::retry_after(503, "0")));
    let service = Service::bare(none());
    let (context, told) = listening();
    pull(&service, Some(&context), &reference(&registry), true).expect("a pull");
    drop(context);
    let events = told.lock().unwrap().len();
    assert!(events > 10, "{events} events");
    // At every event of a pull in turn.
    for stop in 0..events {
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = seen.clone();
        let context = Context::with_progress(move |_, _, _| {
            let seen = counted.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(seen <= stop + 1, "told again after it said stop");
            seen == stop + 1
        });
        let layout = ocireg_testkit::tempdir();
        let destination = format!("oci:{}:x", layout.path().display());
        registry.fault(Fault::on("/manifests/", Action::retry_after(503, "0")));
        let began = Instant::now();
        let stopped = service.pull(Some(&context), &reference(&registry), &destination, &none());
        registry.clear_faults();
        layouts::assert_sound(layout.path());
        assert!(began.elapsed() < Duration::from_secs(2));
        match stopped {
            // There may be fewer events in another run, and then nobody has said stop.
            Ok(_) => {
                assert!(seen.load(Ordering::SeqCst) <= stop, "event {stop} did not stop the pull")
            }
            Err(error) => {
                assert_eq!(error.code, CANCELLED, "event {stop}: {error:?}");
                assert_eq!(error.json["cancelled_by"], "progress", "event {stop}: {error:?}");
            }
        }
    }
    // Nothing is left of all the stops: the service pulls as before.
    pull(&service, None, &reference(&registry), true).expect("a pull");
}

/// Runs a transfer once to count its events, then stops it at each of them in turn.
fn stops_at_any_event(mut transfer: impl FnMut(&Context) -> Outcome<()>) {
    let (context, told) = listening();
    transfer(&context).expect("nobody stops it");
    drop(context);
    let told = told.lock().unwrap();
    let events = told.len();
    assert!(events >= 3, "{:?}", kinds(&told));
    drop(told);
    for stop in 0..events {
        let mut seen = 0;
        let context = Context::with_progress(move |_, _, _| {
            seen += 1;
            assert!(seen <= stop + 1, "told again after it said stop");
            seen == stop + 1
        });
        match transfer(&context) {
            // The last events may be fewer in another run, so the stop may come too late.
            Ok(()) => assert!(stop + 2 >= events, "event {stop} of {events} stopped nothing"),
            Err(error) => {
                assert_eq!(error.code, CANCELLED, "event {stop}: {error:?}");
                assert_eq!(error.json["cancelled_by"], "progress", "event {stop}: {error:?}");
            }
        }
    }
    transfer(&Context::new()).expect("the session goes on");
}

#[test]
fn f29_progress_stops_an_upload_and_a_blob_at_any_event() {
    let (registry, bytes) = (registry(), vec![7u8; 3 << 20]);
    let service = Service::bare(json!({"retry": {"initial-ms": 1, "max-ms": 1}}));
    let options = json!({"actions": ["pull", "push"]});
    let session = service.open(None, &reference(&registry), &options).expect("a session");
    stops_at_any_event(|context| {
        registry.clear_faults();
        registry.fault(Fault::on("/blobs/uploads/", Action::retry_after(503, "0")).times(2));
        registry.fault(Fault::on("/blobs/uploads/", Action::retry_after(503, "0")).method("PUT"));
        let mut writer = session.put_blob(Some(context), &json!({"chunk_size": 1 << 20}))?;
        writer.write(Some(context), &bytes)?;
        writer.commit(Some(context), &none()).map(drop)
    });
    let digest = image().manifests[0].layers[0].clone();
    stops_at_any_event(|context| {
        registry.clear_faults();
        registry.fault(Fault::on(&digest, Action::retry_after(503, "0")).times(2));
        registry.fault(Fault::on(&digest, Action::CutBody(1000, Cut::Fin)).skip(2));
        registry.fault(Fault::on(&digest, Action::retry_after(503, "0")).skip(3));
        let mut reader = session.open_blob(Some(context), &digest, 0, &none())?;
        reader.read_to_end(Some(context), &mut Vec::new())
    });
}

#[test]
fn progress_stops_other_calls() {
    let registry = registry();
    registry.fault(Fault::on("/manifests/", Action::retry_after(503, "20")).always());
    let service = Service::bare(none());
    let session = service.open(None, &reference(&registry), &none()).expect("a session");
    // Before the pause, not after it.
    let stopping = || Context::with_progress(|_, _, event| event["kind"] == "wait");
    let stopped = [
        session.get_manifest(Some(&stopping()), None, &none()).map(drop),
        service.inspect(Some(&stopping()), &reference(&registry), &none()).map(drop),
        pull(&service, Some(&stopping()), &reference(&registry), true),
    ];
    for stopped in stopped {
        let error = stopped.expect_err("stopped");
        assert_eq!(error.code, CANCELLED, "{error:?}");
        assert_eq!(error.json["cancelled_by"], "progress", "{error:?}");
    }
}

/// Runs a call that is too slow in one phase and checks that it says so.
fn assert_times_out(
    timeouts: Value,
    phase: &str,
    least: u64,
    call: impl FnOnce(&Service) -> Outcome<()>,
) {
    let service = Service::bare(json!({"timeouts": timeouts, "retry": {"max-attempts": 1}}));
    let began = Instant::now();
    let error = call(&service).expect_err(phase);
    let took = began.elapsed();
    assert_eq!(error.code, TIMEOUT, "{phase}: {error:?}");
    assert_eq!(error.json["phase"], phase, "{error:?}");
    assert!(took >= Duration::from_millis(least), "{phase}: {took:?}");
    assert!(took < Duration::from_millis(least + 1000), "{phase}: {took:?}");
    let hint = error.json["hint"].as_str().expect("a hint");
    let option = timeouts.as_object().unwrap().keys().next().unwrap();
    assert!(hint.contains(option.as_str()), "{phase}: {hint}");
}

#[test]
fn f4_each_phase_has_its_time() {
    let hole = BlackHole::start();
    let host = hole.address().to_string();
    assert_times_out(json!({"connect-ms": 300}), "connect", 300, |service| {
        silent_session(service, &format!("http://{host}"))
            .get_manifest(None, Some("1"), &none())
            .map(drop)
    });
    let silent = registry();
    silent.connect_fault(ConnectFault::SilenceAfterHello(LONG), usize::MAX);
    assert_times_out(json!({"tls-ms": 300}), "tls", 300, |service| {
        silent_session(service, &format!("https://{}", silent.host()))
            .get_manifest(None, Some("1"), &none())
            .map(drop)
    });
    let registry = registry();
    registry.fault(Fault::on("/manifests/", Action::Delay(LONG)).always());
    assert_times_out(json!({"header-ms": 300}), "header", 300, |service| {
        let session = service.open(None, &reference(&registry), &none())?;
        session.get_manifest(None, None, &none()).map(drop)
    });
    registry.clear_faults();
    registry.fault(Fault::on("/blobs/", Action::Stall(1, LONG)).always());
    assert_times_out(json!({"idle-ms": 300}), "idle", 300, |service| {
        pull(service, None, &reference(&registry), true)
    });
    registry.clear_faults();
    registry.fault(Fault::on("/v2/", Action::Delay(LONG)).always());
    assert_times_out(json!({"auth-ms": 300}), "ping", 300, |service| {
        service.open(None, &reference(&registry), &none()).map(drop)
    });
    let token = TokenServer::plain();
    registry.clear_faults();
    registry.set_auth(Auth::bearer(&token));
    for fault in
        [Action::Delay(LONG), Action::Stall(1, LONG), Action::Trickle(1, Duration::from_millis(50))]
    {
        token.clear_faults();
        token.fault(Fault::on("/token", fault).always());
        assert_times_out(json!({"auth-ms": 300}), "token", 300, |service| {
            pull(service, None, &reference(&registry), true)
        });
    }
}

#[test]
fn a_host_that_cannot_be_reached_is_not_asked_again() {
    let hole = BlackHole::start();
    let service = Service::bare(json!({"timeouts": {"connect-ms": 300}}));
    let began = Instant::now();
    let error = silent_session(&service, &format!("http://{}", hole.address()))
        .get_manifest(None, Some("1"), &none())
        .expect_err("nobody answers");
    assert_eq!((error.code, &error.json["phase"]), (TIMEOUT, &json!("connect")), "{error:?}");
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
}

#[test]
fn interrupted_waiting_for_a_place_at_the_host() {
    let registry = registry();
    registry.fault(Fault::on("/blobs/", Action::Stall(1, LONG)).always());
    let service = Service::bare(json!({"max-concurrent-downloads": 1}));
    let first = Context::new();
    thread::scope(|scope| {
        let holder = scope.spawn(|| pull(&service, Some(&first), &reference(&registry), true));
        while !registry.requests().iter().any(|request| request.target.contains("/blobs/")) {
            thread::sleep(Duration::from_millis(10));
        }
        let context = Context::timeout(300);
        let began = Instant::now();
        let error = pull(&service, Some(&context), &reference(&registry), true).expect_err("full");
        assert_eq!(error.code, DEADLINE, "{error:?}");
        assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
        let asked = registry.requests().iter().filter(|r| r.target.contains("/blobs/")).count();
        assert_eq!(asked, 1, "one place, one request");
        first.cancel();
        assert!(holder.join().expect("the call returns").is_err());
    });
}

#[test]
fn a_header_in_pieces_has_one_time() {
    let registry = registry();
    registry.fault(Fault::on("/manifests/", Action::EndlessHeaders).always());
    let slow = ocireg_testkit::Server::start(ServerOptions::default(), |_, conn| {
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: yes yes yes yes yes yes\r\n" {
            conn.send(&[*byte])?;
            conn.stall(Duration::from_millis(100));
        }
        Ok(())
    });
    assert_times_out(json!({"header-ms": 400}), "header", 400, |service| {
        silent_session(service, &slow.url()).get_manifest(None, Some("1"), &none()).map(drop)
    });
}

#[test]
fn f5_a_body_has_a_least_speed() {
    let registry = registry();
    registry.fault(Fault::on("/blobs/", Action::Trickle(100, Duration::from_millis(100))).always());
    assert_times_out(json!({"min-bytes-per-second": 10_000}), "slow", 5000, |service| {
        pull(service, None, &reference(&registry), true)
    });
}

#[test]
fn a_call_has_its_time() {
    let registry = registry();
    registry.fault(Fault::on("/blobs/", Action::Trickle(100, Duration::from_millis(50))).always());
    let service = Service::bare(json!({"timeouts": {"total-ms": 500}}));
    let began = Instant::now();
    let error = pull(&service, None, &reference(&registry), true).expect_err("too slow");
    let took = began.elapsed();
    assert_eq!((error.code, &error.json["phase"]), (DEADLINE, &json!("deadline")), "{error:?}");
    assert!(error.json["hint"].as_str().unwrap().contains("total-ms"), "{error:?}");
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(1), "{took:?}");
}
