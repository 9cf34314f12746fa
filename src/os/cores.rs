//! How many cores this process may use.

use rustix::thread::sched_getaffinity;

/// The cores that this thread may run on. A quota on time does not count: threads that share it still overlap.
pub fn cores() -> usize {
    sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}
