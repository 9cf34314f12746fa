//! Trying endpoints in order: the one loop, and what several failures say together.

use crate::error::{Code, Error, Result};

/// Why none of the endpoints that were tried did what was asked.
#[derive(Debug)]
pub struct Failures {
    /// One for each endpoint, in order.
    each: Vec<Error>,
    /// Why it ended before that, if the endpoints are not to blame.
    ended: Option<Error>,
}

/// Tries candidates from `start` on until one succeeds, and returns its position with its result.
///
/// `goes_on` judges the failure of a candidate that is not the last, given the next one: whether that is tried.
pub fn try_in_order<C, T>(
    candidates: &[C],
    start: usize,
    mut attempt: impl FnMut(&C) -> Result<T>,
    mut goes_on: impl FnMut(&Error, &C, &C) -> Result<bool>,
) -> Result<(usize, T), Failures> {
    let mut each = Vec::new();
    for (i, candidate) in candidates.iter().enumerate().skip(start) {
        let error = match attempt(candidate) {
            Ok(done) => return Ok((i, done)),
            Err(error) => error,
        };
        let next = candidates.get(i + 1).map_or(Ok(false), |next| goes_on(&error, candidate, next));
        each.push(error);
        match next {
            Ok(true) => {}
            Ok(false) => break,
            Err(ended) => return Err(Failures { each, ended: Some(ended) }),
        }
    }
    Err(Failures { each, ended: None })
}

impl Failures {
    /// The failures in order, or what ended it before that.
    pub fn into_each(self) -> Result<Vec<Error>> {
        self.ended.map_or(Ok(self.each), Err)
    }

    /// The last failure, with all of them in `attempts` if there are several.
    pub fn last(self) -> Error {
        let last = self.each.len().saturating_sub(1);
        self.one(last)
    }

    /// The failure that says most, with all of them in `attempts` if there are several.
    pub fn most_telling(self) -> Error {
        let rank = |error: &Error| match error.code() {
            _ if is_final(error) => 5,
            Code::Unauthorized | Code::Denied => 4,
            Code::NotFound => 2,
            // Somebody was there, but silent, or spoke bad HTTP: that says more than that a port for plain HTTP has no TLS.
            Code::Timeout => 1,
            _ if error.details().speaks_http => 1,
            _ if is_no_answer(error) => 0,
            _ => 3,
        };
        // Of equals the first: https before http.
        let best = (0..self.each.len()).rev().max_by_key(|i| rank(&self.each[*i])).unwrap_or(0);
        self.one(best)
    }

    fn one(self, chosen: usize) -> Error {
        match self.into_each() {
            Err(ended) => ended,
            Ok(mut each) if each.len() < 2 => {
                each.pop().unwrap_or_else(|| Error::internal("no endpoint was tried"))
            }
            Ok(each) => each[chosen].clone().with(|d| d.attempts = each),
        }
    }
}

/// Whether the call itself is over, whoever is asked.
pub fn is_final(error: &Error) -> bool {
    error.details().cancelled_by.is_some()
        || matches!(
            error.code(),
            Code::Cancelled
                | Code::Deadline
                | Code::InvalidArgument
                | Code::InvalidConfig
                | Code::Internal
                | Code::Io
                | Code::NoSpace
                | Code::Permission
        )
}

/// Whether the endpoint did not answer, so that the next endpoint of the same registry may.
pub fn is_no_answer(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::NameNotResolved
            | Code::Connect
            | Code::Tls
            | Code::Certificate
            | Code::Timeout
            | Code::Disconnected
            | Code::Proxy
            | Code::Protocol
    )
}

/// Whether nobody was there, rather than somebody who makes no sense.
pub fn is_silence(error: &Error) -> bool {
    is_no_answer(error) && error.code() != Code::Protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(codes: &[Code], start: usize) -> Failures {
        let attempt = |code: &Code| Err::<(), _>(Error::new(*code, code.name()));
        try_in_order(codes, start, attempt, |error, _, _| Ok(is_no_answer(error)))
            .expect_err("fails")
    }

    #[test]
    fn the_first_that_succeeds_is_kept_and_the_rest_is_left_alone() {
        let mut asked = Vec::new();
        let attempt = |n: &u32| {
            asked.push(*n);
            if *n < 3 { Err(Error::new(Code::Connect, "no")) } else { Ok(n * 10) }
        };
        let found = try_in_order(&[1, 2, 3, 4], 1, attempt, |_, from, to| Ok(from + 1 == *to));
        assert_eq!(found.expect("found"), (2, 30));
        assert_eq!(asked, [2, 3]);
    }

    #[test]
    fn a_failure_may_be_the_last_word() {
        let codes = [Code::Connect, Code::Denied, Code::NotFound];
        let each = failing(&codes, 0).into_each().expect("failures");
        assert_eq!(each.iter().map(Error::code).collect::<Vec<_>>(), codes[..2]);
        let ended = |_: &Error, _: &Code, _: &Code| Err(Error::new(Code::Cancelled, "enough"));
        let attempt = |code: &Code| Err::<(), _>(Error::new(*code, "no"));
        let failures = try_in_order(&codes, 0, attempt, ended).expect_err("ended");
        assert_eq!(failures.most_telling().code(), Code::Cancelled);
    }

    #[test]
    fn one_of_several_failures_speaks_for_all() {
        let codes = [Code::Tls, Code::Timeout, Code::Connect];
        let telling = failing(&codes, 0).most_telling();
        assert_eq!((telling.code(), telling.details().attempts.len()), (Code::Timeout, 3));
        assert_eq!(failing(&codes, 0).last().code(), Code::Connect);
        let equals = failing(&[Code::Connect, Code::Tls], 0).most_telling();
        assert_eq!(equals.code(), Code::Connect, "of equals the first");
        let alone = failing(&codes, 2).last();
        assert_eq!((alone.code(), alone.details().attempts.len()), (Code::Connect, 0));
        assert_eq!(failing(&[], 0).last().code(), Code::Internal);
    }
}
