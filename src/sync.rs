//! What threads share, and what becomes of it when the host forks.
//!
//! After a fork the child has one thread. A lock that another thread of the parent held at that moment stays locked in
//! the child for ever, and what it protects may be half changed. So nothing that a service shares is used by a process
//! that did not make it: [`PerProcess`] notices the fork before it touches a lock, and makes a new one.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use once_cell::race::OnceBox;

use crate::os::process;

/// Locks a mutex. A panic of whoever held it does not spoil it: every critical section leaves its data sound.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy of what a mutex of the parent protects, unless a thread held it at the fork.
pub fn inherited<T: Clone>(mutex: &Mutex<T>) -> Option<T> {
    match mutex.try_lock() {
        Ok(value) => Some(value.clone()),
        Err(TryLockError::Poisoned(value)) => Some(value.into_inner().clone()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A value of which every process has its own: a child makes a new one and leaks its parent's.
///
/// Getting it takes no lock.
pub struct PerProcess<T> {
    first: OnceBox<Generation<T>>,
    heir: fn(Option<&T>) -> T,
}

/// The value of one process, and of the child that it forked, and so on.
struct Generation<T> {
    process: u64,
    /// None only while it is dropped.
    value: Option<T>,
    next: OnceBox<Self>,
}

impl<T> PerProcess<T> {
    /// `heir` makes the value of this process, None given, or that of a child, given its parent's. Then it must not
    /// wait for a lock. Several threads may call it at once; one value is kept.
    pub const fn new(heir: fn(Option<&T>) -> T) -> Self {
        Self { first: OnceBox::new(), heir }
    }

    /// With a value for this process.
    pub fn with(value: T, heir: fn(Option<&T>) -> T) -> Self {
        Self { first: OnceBox::with_value(Box::new(Generation::new(value))), heir }
    }

    /// The value of this process.
    pub fn get(&self) -> &T {
        let process = process::current();
        let mut generation =
            self.first.get_or_init(|| Box::new(Generation::new((self.heir)(None))));
        loop {
            let Generation { value: Some(value), .. } = generation else {
                unreachable!("a value is taken out only when it is dropped");
            };
            if generation.process == process {
                return value;
            }
            let heir = || Box::new(Generation::new((self.heir)(Some(value))));
            generation = generation.next.get_or_init(heir);
        }
    }
}

impl<T> Generation<T> {
    fn new(value: T) -> Self {
        Self { process: process::current(), value: Some(value), next: OnceBox::new() }
    }
}

impl<T> Drop for Generation<T> {
    fn drop(&mut self) {
        if self.process != process::current() {
            // A thread of the parent may have been in the middle of changing it.
            std::mem::forget(self.value.take());
        }
    }
}

impl<T: Default> Default for PerProcess<T> {
    /// Nothing is inherited.
    fn default() -> Self {
        Self::new(|_| T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A value that is replaced as a whole, and that a child inherits as it is at the fork.
///
/// It is kept twice. Only the copy that is not current is ever locked for a change, so that a child can always
/// read the other.
pub struct Current<T>(PerProcess<Copies<T>>);

struct Copies<T> {
    changing: Mutex<()>,
    copies: [RwLock<T>; 2],
    current: AtomicUsize,
}

impl<T: Clone> Current<T> {
    /// With its first value.
    pub fn new(value: T) -> Self {
        let heir: fn(Option<&Copies<T>>) -> Copies<T> = |parent| match parent {
            Some(parent) => Copies::new(parent.inherit()),
            None => unreachable!("the first process has its value from the start"),
        };
        Self(PerProcess::with(Copies::new(value), heir))
    }

    /// The value as it is now.
    pub fn get(&self) -> T {
        let state = self.0.get();
        state.read(state.current.load(Ordering::Acquire)).clone()
    }

    /// Replaces the value by one that is made from it, or fails and changes nothing. One change at a time.
    ///
    /// The old value is dropped at the end, when no lock is held.
    pub fn change<E>(&self, change: impl FnOnce(&T) -> Result<T, E>) -> Result<(), E> {
        let state = self.0.get();
        let _old = {
            let _changing = lock(&state.changing);
            let old = state.current.load(Ordering::Acquire);
            let value = {
                let now = state.read(old).clone();
                change(&now)?
            };
            let new = 1 - old;
            let first = std::mem::replace(&mut *state.write(new), value.clone());
            state.current.store(new, Ordering::Release);
            let second = std::mem::replace(&mut *state.write(old), value);
            (first, second)
        };
        Ok(())
    }
}

impl<T: Clone> Copies<T> {
    fn new(value: T) -> Self {
        let copies = [RwLock::new(value.clone()), RwLock::new(value)];
        Self { changing: Mutex::new(()), copies, current: AtomicUsize::new(0) }
    }

    fn read(&self, copy: usize) -> RwLockReadGuard<'_, T> {
        self.copies[copy].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, copy: usize) -> std::sync::RwLockWriteGuard<'_, T> {
        self.copies[copy].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a child: the value at the fork.
    fn inherit(&self) -> T {
        let current = self.current.load(Ordering::Acquire);
        for copy in [current, 1 - current] {
            match self.copies[copy].try_read() {
                Ok(value) => return value.clone(),
                Err(TryLockError::Poisoned(value)) => return value.into_inner().clone(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        unreachable!("a change locks one copy at a time");
    }
}

impl<T: Clone + fmt::Debug> fmt::Debug for Current<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;

    fn in_child(check: impl FnOnce() -> bool) -> bool {
        process::in_child(5, check)
    }

    #[test]
    fn a_child_neither_waits_for_nor_drops_what_its_parent_had() {
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        static DROPPED: OnceBox<Arc<AtomicUsize>> = OnceBox::new();
        let dropped = DROPPED.get_or_init(Box::default).clone();
        type Shared = Mutex<(u32, Option<Counted>)>;
        let heir: fn(Option<&Shared>) -> Shared =
            |parent| Mutex::new((parent.map_or(0, |p| p.try_lock().map_or(100, |p| p.0)), None));
        let value = PerProcess::with(Mutex::new((7, Some(Counted(dropped.clone())))), heir);
        assert_eq!(lock(value.get()).0, 7);
        assert!(in_child(|| lock(value.get()).0 == 7), "it is inherited");
        let held = lock(value.get());
        // A thread that the child does not have holds the lock.
        let inherits_nothing = std::thread::scope(|scope| {
            scope.spawn(|| in_child(|| lock(value.get()).0 == 100)).join().expect("forked")
        });
        assert!(inherits_nothing);
        drop(held);
        let value = Arc::new(Mutex::new(Some(value)));
        let (taken, count) = (value.clone(), dropped.clone());
        assert!(in_child(move || {
            drop(lock(&taken).take());
            count.load(Ordering::SeqCst) == 0
        }));
        drop(lock(&value).take());
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_child_inherits_the_current_value_in_the_middle_of_changes() {
        let current = Current::new(Arc::new([0u64; 4]));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        let next = |now: &Arc<[u64; 4]>| Ok::<_, ()>(Arc::new(now.map(|n| n + 1)));
                        current.change(next).expect("a change");
                    }
                });
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        let now = current.get();
                        assert!(now.iter().all(|n| *n == now[0]));
                    }
                });
            }
            for _ in 0..200 {
                let before = current.get()[0];
                let right = in_child(|| {
                    let now = current.get();
                    let next = |now: &Arc<[u64; 4]>| Ok::<_, ()>(Arc::new(now.map(|n| n + 1)));
                    current.change(next).is_ok()
                        && now[0] >= before
                        && current.get()[0] == now[0] + 1
                });
                assert!(right);
                std::thread::sleep(Duration::from_micros(100));
            }
            done.store(true, Ordering::SeqCst);
        });
    }

    #[test]
    fn a_replaced_value_is_dropped_at_once_and_a_failed_change_changes_nothing() {
        let current = Current::new(Arc::new(1));
        let old = current.get();
        current.change(|now| Ok::<_, ()>(Arc::new(**now + 1))).expect("a change");
        assert_eq!(Arc::strong_count(&old), 1);
        assert_eq!(*current.get(), 2);
        assert_eq!(current.change(|_| Err("no")), Err("no"));
        assert_eq!(*current.get(), 2);
    }
}
