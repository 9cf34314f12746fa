//! Answers that come before a request has gone out whole: the refusal of what is still to be sent.
//!
//! A registry, or a proxy before it, may refuse a body by its header, and close the connection with the rest unread.
//! Sending then fails or stops; the response that waits to be read says why.

use std::io::{self, Read};

use super::scope;

/// What is known of the server while a request goes out.
#[derive(Debug, Default)]
pub(in crate::http) struct Early {
    /// Nothing more goes out.
    stopped: bool,
    /// The received bytes are not a refusal: continue sending, and read the response afterwards.
    deaf: bool,
    /// Why nothing more could be sent. An answer says more, if there is one.
    failure: Option<io::Error>,
}

impl Early {
    /// Whether nothing more goes out on this connection.
    pub(in crate::http) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether what comes in now may be a refusal.
    pub(in crate::http) fn listens(&self) -> bool {
        !self.deaf && !self.stopped
    }

    /// Nothing that comes in before the end of the request matters.
    pub(in crate::http) fn deafen(&mut self) {
        self.deaf = true;
    }

    /// The request has gone out, or another one begins.
    pub(in crate::http) fn listen_again(&mut self) {
        self.deaf = false;
    }

    /// Looks at all that has come in since the request began.
    pub(in crate::http) fn heard(&mut self, input: &[u8]) {
        match final_status(input) {
            None => {}
            Some(300..=599) => self.stop(),
            Some(_) => self.deaf = true,
        }
    }

    /// Sending failed. What ends the call, such as a time-out, is its end here too; else the answer may say more.
    pub(in crate::http) fn broke(&mut self, error: io::Error) -> io::Result<()> {
        if scope::is_carried(&error) {
            return Err(error);
        }
        self.failure = Some(error);
        self.stop();
        Ok(())
    }

    /// What was received; where that is nothing, why sending failed.
    pub(in crate::http) fn or_failure(&mut self, received: io::Result<usize>) -> io::Result<usize> {
        let nothing = match &received {
            Ok(received) => *received == 0,
            Err(error) => !scope::is_carried(error),
        };
        match self.failure.take() {
            Some(failure) if nothing => Err(failure),
            failure => {
                self.failure = failure;
                received
            }
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        scope::with(|scope| scope.seen.unsent = true);
    }
}

/// The status in the received bytes, after interim responses; 0 if they are not HTTP.
fn final_status(mut input: &[u8]) -> Option<u16> {
    loop {
        let line = input.get(..12)?;
        let status = line
            .strip_prefix(b"HTTP/1.")
            .and_then(|rest| std::str::from_utf8(&rest[2..]).ok())
            .and_then(|digits| digits.parse::<u16>().ok())
            .unwrap_or(0);
        if !(100..200).contains(&status) {
            return Some(status);
        }
        let end = input.windows(4).position(|window| window == b"\r\n\r\n")?;
        input = &input[end + 4..];
    }
}

/// A body that ends when nothing more goes out.
pub(in crate::http) struct WhileWanted<R>(pub(in crate::http) R);

impl<R: Read> Read for WhileWanted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if scope::with(|scope| scope.seen.unsent).unwrap_or(false) {
            return Ok(0);
        }
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::final_status;

    #[test]
    fn statuses_before_the_end() {
        for (input, expected) in [
            ("", None),
            ("HTTP/1.1 41", None),
            ("HTTP/1.1 413", Some(413)),
            ("HTTP/1.0 403 Forbidden\r\n", Some(403)),
            ("HTTP/1.1 100 Continue\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\nA: b\r\n\r\nHTTP/1.1 401 U",
                Some(401),
            ),
            ("HTTP/1.1 abc", Some(0)),
            ("SSH-2.0-OpenSSH_9.2", Some(0)),
        ] {
            assert_eq!(final_status(input.as_bytes()), expected, "{input:?}");
        }
    }
}
