//! LISTEN_PID and LISTEN_FDS: descriptors from 3 on, as many as announced, and to this process
//! alone.

#![no_main]

use bullhorn::Endpoint;
use bullhorn::socket::inherit::passed_endpoints;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Option<&str>, Option<&str>, u32, u8)| {
    let (pid, count, process_id, announced) = input;
    match passed_endpoints(pid, count, process_id) {
        Ok(endpoints) => check(&endpoints, endpoints.len()),
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            assert!(pid.is_some_and(|pid| pid.parse() == Ok(process_id)));
        }
    }
    let ours = process_id.to_string();
    let endpoints = passed_endpoints(Some(&ours), Some(&announced.to_string()), process_id);
    check(&endpoints.unwrap(), announced.into());
    let another = process_id.wrapping_add(1);
    let endpoints = passed_endpoints(Some(&ours), count, another);
    assert!(endpoints.unwrap().is_empty());
});

fn check(endpoints: &[Endpoint], count: usize) {
    assert_eq!(endpoints.len(), count);
    for (number, endpoint) in (3..).zip(endpoints) {
        assert_eq!(*endpoint, Endpoint::Descriptor(number));
    }
}
