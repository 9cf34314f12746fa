//! What handles share, used from many threads at once: connections, tokens, slots, the log and the configuration.
//! tests/tsan runs this under ThreadSanitizer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::c_surface::Service;
use crate::scene::*;
use ocireg::call::{Call, Context};
use ocireg::http::slots::Slots;
use ocireg_testkit::{Auth, Registry, ServerOptions, TokenServer};
use serde_json::json;

const PULLS: usize = 4;

#[test]
fn pulls_share_a_service_while_its_log_and_configuration_change() {
    let token = TokenServer::plain();
    let registry = Registry::start(ServerOptions::default(), Auth::bearer(&token));
    let image = image();
    image.push_to(&registry, "demo/app", "1");
    let options = json!({
        "allow-plain-http-credentials": [token.host(), registry.host()],
        "max-concurrent-downloads": 2,
    });
    let service = Service::bare(options.clone());
    let (service, done) = (&service, &AtomicBool::new(false));
    let lists = |n: usize| json!({"insecure-registries": [format!("10.{n}.0.0/16")]});
    thread::scope(|scope| {
        let pulling: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..PULLS {
                        pulls(service, &app(&registry), &json!({}), &image);
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            for n in 0.. {
                service.replace_config(&lists(n % 200)).expect("a configuration");
                service.load_mirrors(&json!(["https://mirror.test/"])).expect("mirrors");
                service.config().expect("a configuration");
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let logging = scope.spawn(move || {
            let mut logs = Vec::new();
            while !done.load(Ordering::Relaxed) {
                logs.push(service.set_log(5).expect("a log"));
                thread::sleep(Duration::from_millis(1));
                service.end_log();
            }
            logs
        });
        let ended: Vec<_> = pulling.into_iter().map(|pull| pull.join()).collect();
        done.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|pull| pull.expect("every pull succeeds"));
        // A call that was telling a log when it ended let it go a moment later.
        let logs = logging.join().expect("logs come and go");
        assert!(logs.iter().all(|log| log.drops() == 1), "each log is let go, and once");
    });
    // One token did for all of them, whoever fetched it.
    assert_eq!(token.requests().len(), 1, "{:#?}", token.requests());
}

/// Two hosts, two places each, six threads; some give up while they wait.
#[test]
fn no_slot_is_given_twice_and_none_is_lost() {
    let slots = Slots::new(2);
    let inside = [const { std::sync::atomic::AtomicUsize::new(0) }; 2];
    thread::scope(|scope| {
        for n in 0..6 {
            let (slots, inside) = (&slots, &inside);
            scope.spawn(move || {
                for round in 0..200 {
                    let host = (n + round) % 2;
                    let context = Context::new().expect("a context");
                    let gives_up = (n + round) % 5 == 0;
                    if gives_up {
                        context.cancel();
                    }
                    let run = Call::new(Some(&context));
                    let Ok(slot) = slots.take(["a", "b"][host], &run) else {
                        assert!(gives_up);
                        continue;
                    };
                    let now = inside[host].fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(now <= 2, "{now} at once");
                    thread::yield_now();
                    inside[host].fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                }
            });
        }
    });
    // All of them are free again.
    let run = Call::new(None);
    for host in ["a", "b"] {
        let both = [slots.take(host, &run), slots.take(host, &run)];
        assert!(both.iter().all(Result::is_ok));
    }
}
