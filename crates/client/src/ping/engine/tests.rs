//! Several targets in one engine.

use std::ops::ControlFlow::{self, Continue};
use std::time::{Duration, Instant};

use super::{Engine, Target};
use crate::ask::counts::Counts;
use crate::ping::control::Control;
use crate::ping::event::{Begin, Event, Observer};
use crate::ping::settings::Settings;
use crate::ping::summary::Summary;
use crate::ping::text::ProbeTexts;
use bullhorn_server::Server;

const TARGETS: usize = 2;

/// Counts independently what happens to each target.
#[derive(Default)]
struct Tally {
    begun: [u32; TARGETS],
    answers: [u64; TARGETS],
    interims: [u32; TARGETS],
    last: [Counts; TARGETS],
}

impl Observer for Tally {
    fn begin(&mut self, begin: &Begin<'_>) -> ControlFlow<()> {
        self.begun[begin.target] += 1;
        Continue(())
    }

    fn event(
        &mut self,
        target: usize,
        _: Duration,
        event: &Event,
        counts: &Counts,
    ) -> ControlFlow<()> {
        assert!(counts.is_balanced());
        let is_right = matches!(event, Event::Answer { problem: None, .. });
        self.answers[target] += u64::from(is_right);
        self.last[target] = *counts;
        Continue(())
    }

    fn interim(&mut self, target: usize, _: &Summary) -> ControlFlow<()> {
        self.interims[target] += 1;
        Continue(())
    }
}

#[test]
fn two_targets_are_probed_in_one_engine_each_on_its_own_schedule() {
    let builder = Server::builder().endpoint("udp://127.0.0.1:0");
    let server = builder.endpoint("tcp://127.0.0.1:0").start().unwrap();
    let settings = [(200, 50), (30, 2000)].map(|(count, microseconds)| Settings {
        count: Some(count),
        interval: Duration::from_micros(microseconds),
        timeout: Duration::from_secs(20),
        flows: 3,
        ..Settings::default()
    });
    let mut targets = Vec::new();
    for (index, (endpoint, settings)) in server.endpoints().iter().zip(&settings).enumerate() {
        let texts = ProbeTexts::with_random_nonce(settings.size, None);
        targets.push(Target::new(
            index,
            endpoint,
            endpoint.clone(),
            settings,
            texts,
        ));
    }
    let control = Control::new().unwrap();
    control.report();
    let mut tally = Tally::default();
    let begun = Instant::now();
    let summaries = Engine::new(targets, &control, None)
        .run(&mut tally)
        .unwrap();

    assert!(begun.elapsed() >= Duration::from_millis(2 * 29));
    assert_eq!((tally.begun, tally.interims), ([1; 2], [1; 2]));
    assert_eq!(summaries.len(), TARGETS);
    for (index, (summary, settings)) in summaries.iter().zip(&settings).enumerate() {
        assert_eq!(summary.endpoint, server.endpoints()[index]);
        let counts = summary.counts;
        assert!(counts.is_balanced(), "{counts:?}");
        let sent = settings.count.unwrap();
        assert_eq!((counts.sent, counts.ok), (sent, sent), "{counts:?}");
        assert_eq!((tally.answers[index], tally.last[index]), (sent, counts));
        let of_flows: u64 = summary.flows.iter().map(|flow| flow.counts.ok).sum();
        assert_eq!(of_flows, sent);
    }
}

#[test]
fn a_silent_target_does_not_hold_up_another() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("udp://{}", silent.local_addr().unwrap());
    let server = Server::builder()
        .endpoint("udp://127.0.0.1:0")
        .start()
        .unwrap();
    let settings = Settings {
        count: Some(4),
        interval: Duration::from_millis(1),
        timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let endpoints = [silent.parse().unwrap(), server.endpoints()[0].clone()];
    let targets = endpoints.into_iter().enumerate().map(|(index, endpoint)| {
        let texts = ProbeTexts::with_random_nonce(64, None);
        Target::new(index, &endpoint.clone(), endpoint, &settings, texts)
    });
    let control = Control::new().unwrap();
    let engine = Engine::new(targets.collect(), &control, None);
    let summaries = engine.run(&mut Tally::default()).unwrap();
    assert_eq!(summaries[0].counts.lost, 4);
    assert_eq!(summaries[1].counts.ok, 4);
}
