//! Which process this is: distinguishes a forked child from its parent without a system call each time.

#![allow(unsafe_code, reason = "a page of memory that the kernel wipes in a child")]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// A number of this process that its parent, and the parent's parents, do not have.
///
/// The process ID would not do: the first process of a container may fork one that is the first of another.
pub fn current() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let Some(mark) = mark() else { return u64::from(std::process::id()) };
    match mark.load(Ordering::Relaxed) {
        // A new process, or the first call in this one. The last number was copied from the parent.
        0 => {
            let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            match mark.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => next,
                Err(other) => other,
            }
        }
        number => number,
    }
}

/// The number, in memory that is zero again in a child; None where the kernel (before 4.14) cannot do that.
fn mark() -> Option<&'static AtomicU64> {
    static NONE: AtomicU64 = AtomicU64::new(0);
    static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    let mut mark = MARK.load(Ordering::Acquire);
    if mark.is_null() {
        let none = (&raw const NONE).cast_mut();
        let made = page().unwrap_or(none);
        match MARK.compare_exchange(mark, made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => mark = made,
            Err(other) => {
                if made != none {
                    // SAFETY: this thread alone knows the page.
                    let _ = unsafe { munmap(made.cast(), SIZE) };
                }
                mark = other;
            }
        }
    }
    // SAFETY: it is NONE, or a page that stays mapped for as long as the process lives.
    let mark: &'static AtomicU64 = unsafe { &*mark };
    (!ptr::eq(mark, &raw const NONE)).then_some(mark)
}

const SIZE: usize = size_of::<AtomicU64>();

fn page() -> Option<*mut AtomicU64> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: new memory, zeroed, aligned to a page; nobody else has its address.
    unsafe {
        let page = mmap_anonymous(ptr::null_mut(), SIZE, access, MapFlags::PRIVATE).ok()?;
        if madvise(page, SIZE, Advice::LinuxWipeOnFork).is_err() {
            let _ = munmap(page, SIZE);
            return None;
        }
        Some(page.cast())
    }
}

/// Runs a check in a child of this process, which must end within some seconds; false if it does not, or fails.
#[cfg(test)]
pub(crate) fn in_child(seconds: u32, check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs the check and leaves; the alarm ends it if it hangs.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::alarm(seconds);
            libc::_exit(i32::from(!check()));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        status == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_number_and_a_child_has_another() {
        let own = current();
        assert!(own > 0);
        assert_eq!(std::thread::spawn(current).join().expect("a number"), own);
        assert!(in_child(5, || {
            let other = current();
            other > own && other == current()
        }));
    }
}
