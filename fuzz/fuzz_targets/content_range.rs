//! Content-Range: what is read makes a range, and reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some((first, last, total)) = ocireg::http::range::fuzz(text) {
        assert!(first <= last && total.is_none_or(|total| last < total));
        let total = total.map_or("*".to_owned(), |total| total.to_string());
        let again = ocireg::http::range::fuzz(&format!("bytes {first}-{last}/{total}"));
        assert_eq!(again.map(|range| (range.0, range.1)), Some((first, last)));
    }
});
