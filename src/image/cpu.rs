//! What the processor of this machine can run: the last part of its platform.

/// The variant of this machine's platform: the level of an amd64 processor (`v2` to `v4`; level 1 has no name), the version of
/// an arm one.
pub(crate) fn variant() -> Option<&'static str> {
    imp::variant()
}

#[cfg(target_arch = "x86_64")]
mod imp {
    macro_rules! all {
        ($($feature:tt)*) => { true $(&& is_x86_feature_detected!($feature))* };
    }

    /// The levels of the x86-64 psABI. Two features cannot be asked for (LAHF, OSXSAVE): every processor with the others has
    /// them, and AVX counts only where the system saves its registers.
    pub(crate) fn variant() -> Option<&'static str> {
        if !all!("cmpxchg16b" "popcnt" "sse3" "sse4.1" "sse4.2" "ssse3") {
            return None;
        }
        if !all!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe") {
            return Some("v2");
        }
        if !all!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl") {
            return Some("v3");
        }
        Some("v4")
    }
}

#[cfg(target_arch = "arm")]
mod imp {
    /// As the kernel names the machine: a 64-bit one runs the 32-bit code of version 8.
    pub(crate) fn variant() -> Option<&'static str> {
        let name = rustix::system::uname();
        match name.machine().to_bytes() {
            [b'a', b'a', b'r', b'c', b'h', ..] | [b'a', b'r', b'm', b'v', b'8', ..] => Some("v8"),
            [b'a', b'r', b'm', b'v', b'6', ..] => Some("v6"),
            [b'a', b'r', b'm', b'v', b'5', ..] => Some("v5"),
            _ => Some("v7"),
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "arm")))]
mod imp {
    pub(crate) fn variant() -> Option<&'static str> {
        None
    }
}
