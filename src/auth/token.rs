//! Bearer tokens: fetched once for all who need the same one, kept while they live; and the refresh tokens that
//! their servers hand out in turn.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::call::{Call, Turn};
use crate::error::{Code, Error, Phase, Result};
use crate::names::digest::Digest;
use crate::sort;
use crate::sync::{PerProcess, inherited, lock};

/// Tokens live at least this long, whatever their server says: a shorter time is a mistake in every known case.
const SHORTEST: Duration = Duration::from_secs(60);

/// A token is replaced this long before its end, so that it does not end on the way.
const EARLY: Duration = Duration::from_secs(5);

/// And at most this long, because a token that was taken back is not to be used for ever.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The cached tokens and refresh tokens of one registry. The least recently used one is dropped.
const MOST: usize = 256;

/// The user, the registry and the token server that a cache is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    /// The registry's origin.
    pub(super) origin: String,
    pub(super) realm: String,
    pub(super) service: String,
    /// A digest of the credentials: who asks.
    pub(super) secret: Digest,
}

/// The scope and the user that a token is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    holder: Holder,
    scopes: Vec<String>,
}

impl Key {
    /// The order of scopes, and of the actions in each, says nothing about what a token is good for.
    pub(super) fn new(holder: Holder, scopes: &[String]) -> Self {
        let sorted = |scope: &String| match scope.rsplit_once(':') {
            Some((what, actions)) => {
                let mut actions: Vec<_> = actions.split(',').collect();
                sort::sort(&mut actions);
                actions.dedup();
                format!("{what}:{}", actions.join(","))
            }
            None => scope.clone(),
        };
        let mut scopes: Vec<String> = scopes.iter().map(sorted).collect();
        sort::sort(&mut scopes);
        scopes.dedup();
        Self { holder, scopes }
    }
}

/// A token with its end.
#[derive(Clone)]
pub(super) struct Token {
    text: Zeroizing<String>,
    ends: Instant,
}

impl Token {
    /// `expires_in` is in seconds; the time counts from `now` by our own clock, whatever the server's clock says.
    pub(super) fn new(text: Zeroizing<String>, expires_in: Option<f64>, now: Instant) -> Self {
        let told = expires_in
            .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
            .map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())));
        let life = told.unwrap_or(SHORTEST).max(SHORTEST);
        Self { text, ends: now + life }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// When it is replaced.
    pub(super) fn ends(&self) -> Instant {
        self.ends - EARLY
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now < self.ends()
    }
}

/// What a token server grants.
pub(super) struct Granted {
    pub(super) token: Token,
    /// The refresh token that the server returned, if any.
    pub(super) refresh: Option<RefreshToken>,
}

/// A refresh token; wiped when dropped.
pub(super) type RefreshToken = Zeroizing<String>;

/// The tokens of one service. A child has copies of its parent's tokens, but none of the turns to fetch them.
pub struct Tokens {
    flights: PerProcess<Mutex<Kept<Key, Flight>>>,
    rotations: Arc<PerProcess<Mutex<Kept<Holder, Rotation>>>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            flights: PerProcess::new(|parent| Kept::inherit(parent, Flight::inherit)),
            rotations: Arc::new(PerProcess::new(|parent| Kept::inherit(parent, Rotation::inherit))),
        }
    }
}

/// What is kept, by registry.
struct Kept<K, T> {
    registries: HashMap<String, Shelf<K, T>>,
    /// How many registries there may be before those that have nothing of use are looked for.
    sweep_at: usize,
    /// Counts what is taken, to know what was not for long.
    clock: u64,
}

type Shelf<K, T> = HashMap<K, (u64, Arc<T>)>;

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self { registries: HashMap::new(), sweep_at: MOST, clock: 0 }
    }
}

/// What can be kept.
trait Useful: Default {
    /// Whether it is worth keeping while nobody uses it. This is called often, so it only compares times.
    fn is_useful(&self) -> bool;
}

impl<K: Eq + Hash + Clone, T: Useful> Kept<K, T> {
    /// What a child takes over of its parent's; nothing where a thread of the parent was changing it.
    fn inherit(parent: Option<&Mutex<Self>>, copy: fn(&T) -> T) -> Mutex<Self> {
        let mut kept = Self::default();
        if let Some(Ok(parent)) = parent.map(Mutex::try_lock) {
            let copy = |(key, (used, shared)): (&K, &(u64, Arc<T>))| {
                (key.clone(), (*used, Arc::new(copy(shared))))
            };
            let shelves = parent.registries.iter();
            kept.registries = shelves
                .map(|(registry, shelf)| (registry.clone(), shelf.iter().map(copy).collect()))
                .collect();
            (kept.sweep_at, kept.clock) = (parent.sweep_at, parent.clock);
        }
        Mutex::new(kept)
    }

    /// What several calls share under a key. What it costs to find it does not depend on how much is kept, and to make
    /// it only on what is kept of the same registry, which has a bound.
    fn take(&mut self, registry: &str, key: K) -> Arc<T> {
        self.clock += 1;
        let is_needed = |shared: &Arc<T>| Arc::strong_count(shared) > 1 || shared.is_useful();
        if self.registries.len() >= self.sweep_at && !self.registries.contains_key(registry) {
            self.registries.retain(|_, shelf| shelf.values().any(|(_, shared)| is_needed(shared)));
            self.sweep_at = MOST.max(self.registries.len() * 2);
        }
        let shelf = match self.registries.get_mut(registry) {
            Some(shelf) => shelf,
            None => self.registries.entry(registry.to_owned()).or_default(),
        };
        if let Some((used, shared)) = shelf.get_mut(&key) {
            *used = self.clock;
            return shared.clone();
        }
        shelf.retain(|_, (_, shared)| is_needed(shared));
        if shelf.len() >= MOST {
            let idle = shelf.iter().filter(|(_, (_, shared))| Arc::strong_count(shared) == 1);
            let oldest = idle.min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| shelf.remove(&key));
        }
        let shared = Arc::<T>::default();
        shelf.insert(key, (self.clock, shared.clone()));
        shared
    }
}

/// One token, and the right to fetch it.
#[derive(Default)]
struct Flight {
    turn: Turn,
    token: Mutex<Option<Token>>,
    /// What became of the last fetch, if that was a failure, and which turn it was.
    failed: Mutex<Option<(u64, Error)>>,
}

/// The refresh token that replaced the caller's, and the right to use it.
#[derive(Default)]
struct Rotation {
    turn: Turn,
    latest: Mutex<Option<RefreshToken>>,
}

impl Rotation {
    fn inherit(&self) -> Self {
        Self { latest: Mutex::new(inherited(&self.latest).flatten()), ..Self::default() }
    }
}

impl Tokens {
    /// The same user's refresh tokens, but none of the tokens that were got with them: for a login, which is to show
    /// that the credentials are good now.
    pub fn anew(&self) -> Self {
        Self { rotations: self.rotations.clone(), ..Self::default() }
    }

    /// The kept token, or a new one. While one call fetches, the others that need the same token wait for it, and
    /// its failure is theirs, unless all that failed was the call.
    ///
    /// `refused` is a token that the registry did not take: it is not given out again.
    pub(super) fn get(
        &self,
        key: Key,
        refused: Option<&str>,
        call: &Call,
        fetch: impl FnOnce() -> Result<Token>,
    ) -> Result<Token> {
        let registry = key.holder.origin.clone();
        let flight = lock(self.flights.get()).take(&registry, key);
        if let Some(token) = flight.usable(refused) {
            return Ok(token);
        }
        let turn = flight.turn.take(call, within_itself)?;
        // Whoever was before us may have fetched it, or tried to: a password that is wrong is not to be sent again
        // for everybody who waits.
        if let Some(token) = flight.usable(refused) {
            return Ok(token);
        }
        if let (Some(since), Some((number, error))) = (turn.waited_for, &*lock(&flight.failed))
            && *number >= since
        {
            return Err(error.clone());
        }
        match fetch() {
            Ok(token) => {
                *lock(&flight.token) = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                // It may be told to calls that have sent nothing themselves.
                let error = call.mask().error(error);
                let own = matches!(error.code(), Code::Cancelled | Code::Deadline | Code::Busy);
                *lock(&flight.failed) = (!own).then(|| (turn.number, error.clone()));
                Err(error)
            }
        }
    }

    /// Requests a token with the newest refresh token that has replaced `given`, and keeps the next one.
    ///
    /// One exchange at a time: to a server that rotates them, a refresh token that comes twice is a stolen one.
    pub(super) fn exchange(
        &self,
        holder: &Holder,
        given: &str,
        call: &Call,
        exchange: impl FnOnce(&str) -> Result<Granted>,
    ) -> Result<Granted> {
        let rotation = lock(self.rotations.get()).take(&holder.origin, holder.clone());
        let _turn = rotation.turn.take(call, within_itself)?;
        let used = lock(&rotation.latest).clone();
        let used = used.unwrap_or_else(|| Zeroizing::new(given.to_owned()));
        let mut granted = exchange(&used)?;
        match &granted.refresh {
            Some(next) => *lock(&rotation.latest) = Some(next.clone()),
            None => granted.refresh = Some(used),
        }
        Ok(granted)
    }
}

impl Flight {
    fn inherit(&self) -> Self {
        let token = Mutex::new(inherited(&self.token).flatten());
        Self { token, ..Self::default() }
    }

    fn usable(&self, refused: Option<&str>) -> Option<Token> {
        let token = lock(&self.token);
        let usable =
            |token: &&Token| token.is_fresh(Instant::now()) && refused != Some(token.text());
        token.as_ref().filter(usable).cloned()
    }
}

impl Useful for Flight {
    fn is_useful(&self) -> bool {
        lock(&self.token).as_ref().is_some_and(|token| token.is_fresh(Instant::now()))
    }
}

impl Useful for Rotation {
    fn is_useful(&self) -> bool {
        lock(&self.latest).is_some()
    }
}

/// A callback that makes a call is inside the call that has the turn: waiting for it would never end.
fn within_itself() -> Error {
    Error::new(
        Code::Busy,
        "the call that invoked this callback is already fetching the token that this call needs",
    )
    .phase(Phase::Token)
    .hint("make the call again after the callback has returned")
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::digest::Algorithm;

    #[test]
    fn f15_a_token_lives_as_told_but_a_minute_at_least() {
        let now = Instant::now();
        for (expires_in, seconds) in [
            (None, 60),
            (Some(0.0), 60),
            (Some(-1.0), 60),
            (Some(f64::NAN), 60),
            (Some(f64::INFINITY), 60),
            (Some(59.9), 60),
            (Some(61.0), 61),
            (Some(300.0), 300),
            (Some(86_400.0), 86_400),
            (Some(86_401.0), 86_400),
            (Some(1e18), 86_400),
        ] {
            let token = Token::new(Zeroizing::new("t".to_owned()), expires_in, now);
            assert_eq!(token.ends - now, Duration::from_secs(seconds), "{expires_in:?}");
        }
    }

    #[test]
    fn what_nobody_can_use_again_is_forgotten() {
        let (tokens, call) = (Tokens::default(), Call::new(None));
        let key = |number: u32| {
            let holder = Holder {
                origin: String::new(),
                realm: number.to_string(),
                service: String::new(),
                secret: Digest::of(Algorithm::Sha256, b""),
            };
            Key::new(holder, &[])
        };
        let kept =
            || lock(tokens.flights.get()).registries.values().map(HashMap::len).sum::<usize>();
        for number in 0..10 {
            let fetched = tokens.get(key(number), None, &call, || Err(within_itself()));
            assert!(fetched.is_err());
            assert_eq!(kept(), 1);
        }
        let token = || Token::new(Zeroizing::new("t".to_owned()), None, Instant::now());
        for number in 0..10 {
            assert!(tokens.get(key(number), None, &call, || Ok(token())).is_ok());
        }
        assert_eq!(kept(), 10, "they are still good");
        assert!(tokens.get(key(0), None, &call, || Err(within_itself())).is_ok());
        for number in 0..10 {
            let old = Token { ends: Instant::now(), ..token() };
            let (key, text) = (key(number), token().text);
            assert!(tokens.get(key, Some(text.as_str()), &call, || Ok(old)).is_ok());
        }
        assert!(tokens.get(key(0), None, &call, || Err(within_itself())).is_err());
        assert!(tokens.get(key(10), None, &call, || Ok(token())).is_ok());
        assert_eq!(kept(), 1);
    }

    /// Counts how often anybody asks whether one of these is of use.
    #[derive(Default)]
    struct Counting;

    thread_local! {
        static ASKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    impl Useful for Counting {
        fn is_useful(&self) -> bool {
            ASKED.set(ASKED.get() + 1);
            true
        }
    }

    #[test]
    fn what_one_token_costs_does_not_grow_with_those_that_are_kept() {
        let mut kept = Kept::<String, Counting>::default();
        for number in 0..5000 {
            kept.take("one", number.to_string());
        }
        assert_eq!(kept.registries["one"].len(), MOST, "the oldest are gone");
        assert!(ASKED.get() <= 5000 * MOST, "{}", ASKED.get());
        ASKED.set(0);
        for _ in 0..1000 {
            kept.take("one", "4999".to_owned());
        }
        assert_eq!(ASKED.get(), 0, "what is there is found without a look at the rest");
        // The one in use is not the oldest.
        for number in 0..MOST {
            kept.take("one", "4999".to_owned());
            kept.take("one", format!("new {number}"));
        }
        assert!(kept.registries["one"].contains_key("4999"));
        // Nor is one that somebody waits for given away.
        let waiting = kept.take("one", "waiting".to_owned());
        for number in 0..2 * MOST {
            kept.take("one", format!("newer {number}"));
        }
        assert!(Arc::ptr_eq(&waiting, &kept.take("one", "waiting".to_owned())));
        // Many registries cost each no more than a few looks.
        ASKED.set(0);
        for number in 0..5000 {
            kept.take(&number.to_string(), "only".to_owned());
        }
        assert!(ASKED.get() <= 5000 * 4, "{}", ASKED.get());
        assert_eq!(kept.registries.len(), 5001, "each has one that is still good");
    }

    #[test]
    fn registries_whose_tokens_have_ended_are_forgotten() {
        let (tokens, call) = (Tokens::default(), Call::new(None));
        for number in 0..3 * MOST {
            let holder = Holder {
                origin: number.to_string(),
                realm: String::new(),
                service: String::new(),
                secret: Digest::of(Algorithm::Sha256, b""),
            };
            let ended = Token { text: Zeroizing::new("t".to_owned()), ends: Instant::now() };
            assert!(tokens.get(Key::new(holder, &[]), None, &call, || Ok(ended)).is_ok());
        }
        assert!(lock(tokens.flights.get()).registries.len() <= MOST);
    }

    #[test]
    fn a_token_is_replaced_before_its_end() {
        let now = Instant::now();
        let token = Token::new(Zeroizing::new("t".to_owned()), Some(300.0), now);
        for (seconds, fresh) in [(0, true), (294, true), (296, false), (301, false)] {
            assert_eq!(token.is_fresh(now + Duration::from_secs(seconds)), fresh, "{seconds}");
        }
    }
}
