//! Credentials from the program: when it is asked, on which thread, and what becomes of its answers.

use std::ffi::{CStr, c_char, c_void};
use std::fs;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use ocireg::ffi::*;
use ocireg_testkit::image::{Image, Spec};
use ocireg_testkit::{Action, Auth, Fault, Registry, ServerOptions, TokenServer};
use serde_json::{Value, json};

use crate::c_surface::images::Context;
use crate::c_surface::{Outcome, Service, c, call};
use crate::scene::*;

const BUSY_OR_NONE: i32 = UNAUTHORIZED;
const CREDENTIALS: i32 = 62;
const INVALID_ARGUMENT: i32 = 1;

/// What a function answers: credentials, nothing, or that the call is to end.
enum Answer {
    Give(Value),
    Pass,
    Stop,
}
use Answer::{Give, Pass, Stop};

type Function = Box<dyn Fn(&Value) -> Answer + Send + Sync>;

/// A function of a service, with all that it was asked.
struct Program {
    answer: Function,
    asked: Mutex<Vec<(Value, ThreadId)>>,
    drops: Mutex<usize>,
}

unsafe extern "C" fn ask(
    data: *mut c_void,
    request: *const c_char,
    answer: *mut ocireg_answer,
) -> i32 {
    // SAFETY: the box of `set`, alive until it is dropped; the request lives through this call.
    let (program, request) = unsafe { (&*data.cast::<Arc<Program>>(), CStr::from_ptr(request)) };
    let request: Value = serde_json::from_slice(request.to_bytes()).unwrap_or_default();
    program.asked.lock().expect("sound").push((request.clone(), thread::current().id()));
    match (program.answer)(&request) {
        Pass => 0,
        Stop => 7,
        Give(auth) => {
            let auth = c(&auth.to_string());
            // SAFETY: the answer of this very call, and live text.
            call(|error| unsafe { ocireg_answer_credentials(answer, auth.as_ptr(), error) })
                .map_or(9, |()| 0)
        }
    }
}

unsafe extern "C" fn forget(data: *mut c_void) {
    // SAFETY: made by Box::into_raw in `set`, given back once.
    let program = unsafe { Box::from_raw(data.cast::<Arc<Program>>()) };
    *program.drops.lock().expect("sound") += 1;
}

impl Program {
    fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("sound").iter().map(|(request, _)| request.clone()).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let reason = |request: &Value| request["reason"].as_str().unwrap_or_default().to_owned();
        self.asked().iter().map(reason).collect()
    }

    fn drops(&self) -> usize {
        *self.drops.lock().expect("sound")
    }
}

/// Has a service ask a function.
fn set(
    service: &Service,
    answer: impl Fn(&Value) -> Answer + Send + Sync + 'static,
) -> Arc<Program> {
    let program = Arc::new(Program {
        answer: Box::new(answer),
        asked: Mutex::default(),
        drops: Mutex::default(),
    });
    let data = Box::into_raw(Box::new(program.clone())).cast();
    // SAFETY: a live handle; the box is given back to `forget` once.
    call(|error| unsafe {
        ocireg_service_set_credentials(service.0, Some(ask), data, Some(forget), error)
    })
    .expect("a function");
    program
}

fn unset(service: &Service) -> Outcome<()> {
    let none = std::ptr::null_mut();
    // SAFETY: a live handle.
    call(|error| unsafe { ocireg_service_set_credentials(service.0, None, none, None, error) })
}

fn user(password: &str) -> Value {
    json!({"username": "alice", "password": password})
}

/// A registry of alice's, with an image of several layers.
fn private(auth: Auth) -> (Registry, Image) {
    let image =
        Spec { platforms: vec!["linux/amd64".into()], layers: 8, ..Spec::default() }.build();
    let registry = Registry::start(ServerOptions::default(), auth);
    image.push_to(&registry, "demo/app", "1");
    (registry, image)
}

fn basic() -> (Registry, Image) {
    private(Auth::basic("alice", "wonderland"))
}

#[test]
fn the_program_is_asked_once_for_a_call_and_told_what_for() {
    let (registry, image) = basic();
    let service = service(json!({}));
    let program = set(&service, |_| Give(user("wonderland")));
    pulls(&service, &app(&registry), &json!({}), &image);
    let request = json!({
        "host": registry.host(), "repository": "demo/app", "actions": ["pull"], "reason": "first",
    });
    assert_eq!(program.asked(), [request]);
    assert_eq!(program.asked.lock().expect("sound")[0].1, thread::current().id());
    let found = service.credentials(&registry.host()).expect("credentials");
    assert_eq!(found, json!({"username": "alice", "source": "callback", "kind": "password"}));
    assert_eq!(program.asked()[1], json!({"host": registry.host(), "reason": "first"}));
}

#[test]
fn a_push_says_so() {
    let (registry, _) = basic();
    let service = service(json!({}));
    let program = set(&service, |_| Give(user("wonderland")));
    let session = service
        .open(None, &app(&registry), &json!({"actions": ["pull", "push"]}))
        .expect("a session");
    session.list_tags(None, &json!({})).expect("tags");
    assert_eq!(program.asked()[0]["actions"], json!(["pull", "push"]));
}

#[test]
fn it_comes_after_the_calls_own_and_before_the_services() {
    let (registry, image) = basic();
    let service = service(json!({"credentials": {registry.host(): user("stale")}}));
    let program = set(&service, |_| Give(user("wonderland")));
    let own = json!({"auth": user("wonderland")});
    pulls(&service, &app(&registry), &own, &image);
    fails(&service, &app(&registry), &json!({"auth": {}}), UNAUTHORIZED);
    assert!(program.asked().is_empty());
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!(program.asked().len(), 1);
    // Without the function, or where it has nothing, the next one is asked.
    for has_function in [true, false] {
        if has_function {
            set(&service, |_| Pass);
        } else {
            unset(&service).expect("none");
        }
        fails(&service, &app(&registry), &json!({}), UNAUTHORIZED);
        let good = self::service(json!({"credentials": {registry.host(): user("wonderland")}}));
        if has_function {
            set(&good, |_| Pass);
        }
        pulls(&good, &app(&registry), &json!({}), &image);
    }
}

#[test]
fn a_refusal_is_answered_with_others_and_the_call_goes_on() {
    let token = TokenServer::plain();
    token.change(|policy| policy.anonymous_pull = false);
    for (registry, image) in [basic(), private(Auth::bearer(&token))] {
        let service = service(json!({}));
        let program = set(&service, |request| match request["reason"].as_str() {
            Some("first") => Give(user("expired")),
            _ => Give(user("wonderland")),
        });
        pulls(&service, &app(&registry), &json!({}), &image);
        assert_eq!(program.reasons(), ["first", "refused"]);
        assert_eq!(program.asked()[1]["repository"], "demo/app");
    }
}

/// Passwords that end after some hours, such as those of cloud registries, end in the middle of a session, too.
#[test]
fn a_password_that_ends_is_replaced_whatever_the_refusal() {
    for refusal in [401, 403] {
        let (registry, _) = basic();
        let registry = Arc::new(registry);
        let service = service(json!({}));
        let changing = registry.clone();
        let program = set(&service, move |request| {
            if request["reason"] == "first" {
                return Give(user("wonderland"));
            }
            changing.set_auth(Auth::basic("alice", "looking-glass"));
            Give(user("looking-glass"))
        });
        let session = service.open(None, &app(&registry), &json!({})).expect("a session");
        session.list_tags(None, &json!({})).expect("tags");
        registry.fault(Fault::on("/tags/list", Action::status(refusal)).times(1));
        session.list_tags(None, &json!({})).expect("tags with the new password");
        assert_eq!(program.reasons(), ["first", "refused"]);
    }
    // A right that is missing is no password that has ended.
    let token = TokenServer::plain();
    let (registry, _) = private(Auth::bearer(&token));
    registry.fault(Fault::on("/tags/list", Action::status(403)).always());
    let service = service(json!({}));
    let program = set(&service, |_| Give(user("wonderland")));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    assert_eq!(session.list_tags(None, &json!({})).expect_err("denied").code, DENIED);
    assert_eq!(program.reasons(), ["first"]);
}

#[test]
fn workers_have_the_callers_thread_ask() {
    let (registry, image) = basic();
    let service = service(json!({}));
    let program = set(&service, |request| match request["reason"].as_str() {
        Some("first") => Give(user("wonderland")),
        _ => Give(user("looking-glass")),
    });
    let registry = Arc::new(registry);
    let changing = registry.clone();
    // Only the requests for layers come from workers: the manifest is there when this is told.
    let context = Context::with_progress(move |_, _, event| {
        if event["kind"] == "manifest" {
            changing.set_auth(Auth::basic("alice", "looking-glass"));
        }
        false
    });
    let layout = ocireg_testkit::tempdir();
    let to = format!("oci:{}:x", layout.path().display());
    service.pull(Some(&context), &app(&registry), &to, &json!({})).expect("pulled");
    crate::c_surface::layouts::assert_holds(layout.path(), &image);
    assert_eq!(program.reasons(), ["first", "refused"]);
    let threads = program.asked.lock().expect("sound");
    assert!(threads.iter().all(|(_, thread)| *thread == thread::current().id()));
}

#[test]
fn the_same_again_is_no_answer_to_a_refusal_and_there_is_an_end() {
    let (registry, _) = basic();
    let service = service(json!({}));
    let program = set(&service, |_| Give(user("wrong")));
    let failure = fails(&service, &app(&registry), &json!({}), UNAUTHORIZED);
    assert_tells(&failure, &["check the user name"], &["wrong"]);
    assert_eq!(program.reasons(), ["first", "refused"]);
    // A function that makes up new ones is not asked for ever.
    let count = Mutex::new(0);
    let program = set(&service, move |_| {
        let mut count = count.lock().expect("sound");
        *count += 1;
        Give(user(&format!("guess number {count}")))
    });
    fails(&service, &app(&registry), &json!({}), UNAUTHORIZED);
    assert_eq!(program.asked().len(), 6);
}

#[test]
fn after_a_refusal_the_next_source_may_have_better_ones() {
    let (registry, image) = basic();
    let service = service(json!({"credentials": {registry.host(): user("wonderland")}}));
    let program = set(&service, |request| match request["reason"].as_str() {
        Some("first") => Give(user("expired")),
        _ => Pass,
    });
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!(program.reasons(), ["first", "refused"]);
}

#[test]
fn it_can_end_the_call() {
    let (registry, _) = basic();
    let service = service(json!({}));
    let program = set(&service, |_| Stop);
    let failure = fails(&service, &app(&registry), &json!({}), CREDENTIALS);
    assert_eq!(failure.json["cancelled_by"], "credentials");
    assert_eq!(failure.json["phase"], "credentials");
    assert_tells(&failure, &["credentials callback", &registry.host()], &[]);
    assert!(requests(&registry, "/v2/").is_empty(), "nobody is asked");
    assert_eq!(program.asked().len(), 1);
    // Also where it only gives up after a refusal, and where a mirror would not be the last to be asked.
    let (upstream, _) = demo();
    let mirrored = self::service(json!({
        "registry-mirrors": [registry.url()],
        "resolve": {"registry-1.docker.io": ["127.0.0.1"]},
    }));
    let program = set(&mirrored, |request| match request["reason"].as_str() {
        Some("first") => Give(user("expired")),
        _ => Stop,
    });
    fails(&mirrored, "demo/app:1", &json!({}), CREDENTIALS);
    assert_eq!(program.reasons().last().map(String::as_str), Some("refused"));
    assert!(upstream.requests().is_empty());
}

#[test]
fn an_answer_that_cannot_be_used_is_an_error_of_the_answer() {
    let (registry, _) = basic();
    let service = service(json!({}));
    for bad in [json!([]), json!({"username": 3}), json!({"auth": "%%%"})] {
        set(&service, move |_| Give(bad.clone()));
        fails(&service, &app(&registry), &json!({}), CREDENTIALS);
    }
    // Handles of other kinds, and none, are told from an answer.
    let auth = c("{}");
    for wrong in [std::ptr::null_mut(), service.0.cast()] {
        // SAFETY: NULL, and a live handle of another type.
        let failure =
            call(|error| unsafe { ocireg_answer_credentials(wrong, auth.as_ptr(), error) });
        assert!(failure.is_err());
    }
}

/// A function may use the library, also the registry that it is asked for; it is not asked again meanwhile.
#[test]
fn it_may_make_calls_of_its_own() {
    let token = TokenServer::plain();
    token.change(|policy| policy.anonymous_pull = false);
    let (registry, image) = private(Auth::bearer(&token));
    let (other, _) = demo();
    let service = Arc::new(service(json!({})));
    let (inner, places) = (Arc::downgrade(&service), [app(&other), app(&registry)]);
    let program = set(&service, move |request| {
        let service = inner.upgrade().expect("the service is there");
        let open = |place: &str| {
            let session = service.open(None, place, &json!({}))?;
            session.list_tags(None, &json!({}))
        };
        open(&places[0]).expect("the other registry is for everybody");
        let failure = open(&places[1]).expect_err("no credentials in here");
        assert_eq!(failure.code, BUSY_OR_NONE);
        match request["reason"].as_str() {
            Some("first") => Give(user("expired")),
            _ => Give(user("wonderland")),
        }
    });
    pulls(&service, &app(&registry), &json!({}), &image);
    assert_eq!(program.reasons(), ["first", "refused"]);
    unset(&service).expect("none");
}

/// Nothing is locked while the program thinks: calls of other threads go on, and each is answered.
#[test]
fn several_threads_are_refused_at_once() {
    let token = TokenServer::plain();
    token.change(|policy| policy.anonymous_pull = false);
    let (registry, _) = private(Auth::bearer(&token));
    let service = service(json!({}));
    let program = set(&service, |request| match request["reason"].as_str() {
        Some("first") => Give(user("expired")),
        _ => {
            thread::sleep(Duration::from_millis(50));
            Give(user("wonderland"))
        }
    });
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| session.list_tags(None, &json!({})).expect("tags"));
        }
    });
    let refused = program.reasons().iter().filter(|reason| *reason == "refused").count();
    assert!((1..=6).contains(&refused), "{refused}");
}

#[test]
fn drop_is_called_once_when_nobody_can_ask_any_more() {
    let (registry, _) = basic();
    let service = service(json!({}));
    let first = set(&service, |_| Give(user("wonderland")));
    let second = set(&service, |_| Give(user("wonderland")));
    assert_eq!((first.drops(), second.drops()), (1, 0));
    let session = service.open(None, &app(&registry), &json!({})).expect("a session");
    unset(&service).expect("none");
    assert_eq!(second.drops(), 1);
    session.list_tags(None, &json!({})).expect("what it gave is still used");
    let third = set(&service, |_| Pass);
    drop(service);
    assert_eq!(third.drops(), 0, "the session may still ask");
    drop(session);
    assert_eq!(third.drops(), 1);
    // Of a call that fails, too.
    let program = Arc::new(Program {
        answer: Box::new(|_| Pass),
        asked: Mutex::default(),
        drops: Mutex::default(),
    });
    let data = Box::into_raw(Box::new(program.clone())).cast();
    // SAFETY: NULL is refused; the box is given back to `forget` once.
    let failure = call(|error| unsafe {
        ocireg_service_set_credentials(std::ptr::null(), Some(ask), data, Some(forget), error)
    });
    assert!(failure.is_err());
    assert_eq!(program.drops(), 1);
}

#[test]
fn only_the_sources_that_the_call_allows_are_asked() {
    let (registry, image) = basic();
    let home = ocireg_testkit::tempdir();
    let auth = json!({"auths": {registry.host(): user("wonderland")}});
    fs::write(home.path().join("config.json"), auth.to_string()).expect("written");
    let with = |service: &Service, sources: Value| {
        let options = json!({ "credential_sources": sources });
        pull(service, &app(&registry), &options).map(|_| ())
    };
    let in_options = service(json!({"credentials": {registry.host(): user("wonderland")}}));
    let in_file = service(json!({"docker-config": home.path()}));
    let in_program = service(json!({}));
    let program = set(&in_program, |_| Give(user("wonderland")));
    for (service, name) in
        [(&in_options, "options"), (&in_file, "docker-config"), (&in_program, "callback")]
    {
        with(service, json!([name])).expect("its own");
        with(service, json!(["auth-json", name, "call"])).expect("among others");
        for others in [json!([]), json!(["call", "auth-json"])] {
            let failure = with(service, others).expect_err("not asked");
            assert_eq!(failure.code, UNAUTHORIZED);
        }
    }
    assert_eq!(program.asked().len(), 2);
    let open = |options: Value| in_options.open(None, &app(&registry), &options);
    let tags = |options: Value| open(options)?.list_tags(None, &json!({}));
    tags(json!({"credential_sources": ["options"]})).expect("tags");
    assert_eq!(tags(json!({"credential_sources": []})).expect_err("none").code, UNAUTHORIZED);
    // Of every call that opens a session by itself.
    let (layout, place) = (ocireg_testkit::tempdir(), app(&registry));
    let local = format!("oci:{}:x", layout.path().display());
    let source = format!("docker://{place}");
    for (sources, allowed) in [(json!(["options"]), true), (json!(["docker-config"]), false)] {
        let options = json!({ "credential_sources": sources });
        for outcome in [
            in_options.inspect(None, &place, &options),
            in_options.copy(None, &source, &local, &options),
            in_options.push(None, &local, &place, &options),
        ] {
            assert_eq!(outcome.as_ref().err().map(|e| e.code), (!allowed).then_some(UNAUTHORIZED));
        }
    }
    // What is passed is used, or refused: it is never left out in silence.
    let passed = json!({"auth": user("wonderland"), "credential_sources": ["call"]});
    pulls(&in_program, &app(&registry), &passed, &image);
    let passed = json!({"auth": user("wonderland"), "credential_sources": ["callback"]});
    let failure = fails(&in_program, &app(&registry), &passed, INVALID_ARGUMENT);
    assert_eq!(failure.argument(), "auth");
    let failure = with(&in_program, json!(["keychain"])).expect_err("no source");
    assert_eq!((failure.code, failure.argument()), (INVALID_ARGUMENT, "credential_sources"));
    assert!(failure.json["hint"].as_str().is_some_and(|hint| hint.contains("docker-config")));
}
