//! A system that gives no random numbers: calls fail with an error that says so, and the process lives on.

use std::ptr;

use crate::c_surface::{call, children};
use ocireg::ffi::*;

const IO: i32 = 120;

#[test]
fn without_randomness_calls_fail_with_an_error() {
    let name = "without_randomness_calls_fail_with_an_error";
    if children::told().is_none() {
        let run = children::expect_success(&mut children::command(name, "go"));
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        return;
    }
    // A thread that has made no hash map yet. What is refused to it stays refused; the others lose nothing.
    std::thread::spawn(|| {
        let files = limit_files(0);
        refuse_getrandom();
        let (mut service, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: live text in, live places out.
        let code = unsafe { ocireg_service_new(c"{}".as_ptr(), &mut service, &mut error) };
        // With files there is /dev/urandom, which does as well.
        limit_files(files);
        assert_eq!(code, IO);
        assert!(service.is_null());
        let failure = call(|place| {
            // SAFETY: the place may be written; the error is freed by whoever reads it.
            unsafe { *place = error };
            code
        });
        let failure = failure.expect_err("a code");
        assert!(failure.message.contains("random numbers"), "{failure:?}");
        let hint = failure.json["hint"].as_str().expect("a hint");
        assert!(hint.contains("/dev/urandom"), "{hint}");
        // SAFETY: as above.
        let code = unsafe { ocireg_service_new(c"{}".as_ptr(), &mut service, ptr::null_mut()) };
        assert_eq!(code, 0, "/dev/urandom can be read");
        // SAFETY: made above, freed once.
        unsafe { ocireg_service_free(service) };
    })
    .join()
    .expect("the thread ends well");
}

/// Sets how many descriptors may be open, and returns how many might before.
fn limit_files(most: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for the limit, and a limit.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, most);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        before
    }
}

/// From now on getrandom() fails on this thread, as under an old sandbox.
fn refuse_getrandom() {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).expect("a code"),
        jt,
        jf,
        k,
    };
    let number = u32::try_from(libc::SYS_getrandom).expect("a number");
    let refused = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).expect("a number");
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, refused, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("short"),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: a filter that lives through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter);
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    }
}
