//! LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES: descriptors from 3 on, as many as LISTEN_FDS has,
//! only for this process, and either all with names or none.

#![no_main]

use bullhorn_socket::error::Error;
use bullhorn_socket::{passed_descriptors, passed_names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    |input: (Option<&str>, Option<&str>, Option<&str>, u32, u8)| {
        let (pid, count, names, process_id, announced) = input;
        match passed_descriptors(pid, count, process_id) {
            Ok(descriptors) => check(&descriptors, descriptors.len()),
            Err(error) => {
                assert!(matches!(error, Error::InvalidListenFds(_)));
                assert!(pid.is_some_and(|pid| pid.parse() == Ok(process_id)));
            }
        }
        let ours = process_id.to_string();
        let descriptors = passed_descriptors(Some(&ours), Some(&announced.to_string()), process_id);
        check(&descriptors.unwrap(), announced.into());
        let another = process_id.wrapping_add(1);
        let descriptors = passed_descriptors(Some(&ours), count, another);
        assert!(descriptors.unwrap().is_empty());

        let count = usize::from(announced % 8);
        let named = passed_names(names, count);
        if !named.is_empty() {
            assert_eq!(named.len(), count);
            assert_eq!(Some(named.join(":").as_str()), names);
        }
    }
);

fn check(descriptors: &[i32], count: usize) {
    assert!(descriptors.iter().copied().eq((3..).take(count)));
}
