//! Ranges: the part of a body that a request asks for.

use crate::server::{Body, Reply, Request};

/// 200 with all of `body`, 206 with the part that a GET asks for, or 416 where there is none.
pub(crate) fn reply(request: &Request, body: Body) -> Reply {
    let total = body.len().expect("a body with an end");
    let range = request
        .header("range")
        .filter(|_| request.method == "GET")
        .and_then(|value| value.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'));
    let reply = match range {
        None => Reply::new(200, body),
        Some((first, last)) => {
            let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
                (Ok(start), Ok(last)) => (start, total.min(last.saturating_add(1))),
                (Ok(start), Err(_)) => (start, total),
                (Err(_), Ok(suffix)) => (total.saturating_sub(suffix), total),
                (Err(_), Err(_)) => (total, total),
            };
            if start >= end {
                return Reply::empty(416).with("Content-Range", &format!("bytes */{total}"));
            }
            Reply::new(206, Body::Part(Box::new(body), start, end - start))
                .with("Content-Range", &format!("bytes {start}-{}/{total}", end - 1))
        }
    };
    reply.with("Content-Type", "application/octet-stream").with("Accept-Ranges", "bytes")
}
