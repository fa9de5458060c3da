//! Who gets a place, and who has to give one up, when there are more clients than places.
//!
//! Places are shared by source. When all are taken, the source that has the most gives one up, so a
//! flood from one address costs that address alone. Of its connections those without a whole
//! request go first, the oldest of them before the others. A newcomer that has asked is answered at
//! once, and so always gets a place. One that has not asked yet gets it from a source that has more
//! than its own; within a source, and among sources with as many, it displaces neither one that has
//! asked nor one that is young, whose client may be far away.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::arrival::Source;

/// How long a connection is safe from newcomers that have not asked: some round trips of the
/// slowest networks.
const YOUNG: Duration = Duration::from_secs(1);

/// A connection that has a place.
pub(super) trait Client {
    /// It has come to its end.
    fn is_over(&self) -> bool;
    /// Its whole request has come.
    fn has_asked(&self) -> bool;
    /// Ends it.
    fn end(&self);
}

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Places<C> {
    max: usize,
    held: Vec<Held<C>>,
}

#[derive(Debug)]
struct Held<C> {
    client: C,
    source: Source,
    since: Instant,
}

impl<C: Client> Places<C> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            held: Vec::new(),
        }
    }

    /// Whether there is a place for a newcomer, which may take one from another.
    pub(super) fn make_room(&mut self, source: Source, has_asked: bool, now: Instant) -> bool {
        self.held.retain(|held| !held.client.is_over());
        if self.held.len() < self.max {
            return true;
        }
        let Some(index) = self.first_to_go(source) else {
            return false;
        };
        let Held { client, since, .. } = &self.held[index];
        let has_more = self.share_of(self.held[index].source) > self.share_of(source) + 1;
        let is_young = now.duration_since(*since) < YOUNG;
        if !has_asked && !has_more && (client.has_asked() || is_young) {
            return false;
        }
        self.held.swap_remove(index).client.end();
        true
    }

    /// Takes the place that [`make_room`](Self::make_room) found.
    pub(super) fn take(&mut self, client: C, source: Source, now: Instant) {
        let since = now;
        self.held.push(Held {
            client,
            source,
            since,
        });
    }

    fn first_to_go(&self, newcomer: Source) -> Option<usize> {
        let (index, _) = self.held.iter().enumerate().max_by_key(|(_, held)| {
            let share = self.share_of(held.source);
            // Among sources with as many, the newcomer's own comes first.
            let is_own = held.source == newcomer;
            let is_silent = !held.client.has_asked();
            (share, is_own, is_silent, Reverse(held.since))
        })?;
        Some(index)
    }

    fn share_of(&self, source: Source) -> usize {
        self.held.iter().filter(|it| it.source == source).count()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Fake {
        has_asked: bool,
        ended: Rc<Cell<bool>>,
    }

    impl Client for Fake {
        fn is_over(&self) -> bool {
            self.ended.get()
        }
        fn has_asked(&self) -> bool {
            self.has_asked
        }
        fn end(&self) {
            self.ended.set(true);
        }
    }

    struct Scene {
        places: Places<Fake>,
        now: Instant,
    }

    impl Scene {
        fn new(max: usize) -> Self {
            Self {
                places: Places::new(max),
                now: Instant::now(),
            }
        }

        fn pass(&mut self, milliseconds: u64) {
            self.now += Duration::from_millis(milliseconds);
        }

        fn come(&mut self, user: u32, has_asked: bool) -> Option<Fake> {
            let source = Source::User(Some(user));
            let fake = Fake {
                has_asked,
                ..Fake::default()
            };
            let has_room = self.places.make_room(source, has_asked, self.now);
            has_room.then(|| {
                self.places.take(fake.clone(), source, self.now);
                fake
            })
        }
    }

    const FLOOD: u32 = 1;
    const SCRAPER: u32 = 2;

    #[test]
    fn a_flood_from_one_source_takes_no_other_sources_place() {
        let mut scene = Scene::new(8);
        let scraper = scene.come(SCRAPER, false).unwrap();
        for _ in 0..10_000 {
            scene.pass(1);
            scene.come(FLOOD, false);
        }
        assert!(!scraper.is_over());
        let late = scene.come(SCRAPER, false).unwrap();
        for _ in 0..10_000 {
            scene.pass(1);
            scene.come(FLOOD, true);
        }
        assert!(!late.is_over() && !scraper.is_over());
    }

    #[test]
    fn who_has_asked_gets_a_place_though_its_own_source_floods_the_server_with_silence() {
        let mut scene = Scene::new(8);
        for _ in 0..100 {
            scene.come(FLOOD, false);
        }
        let asked = scene.come(FLOOD, true).unwrap();
        for _ in 0..10_000 {
            scene.pass(1);
            scene.come(FLOOD, false);
        }
        assert!(!asked.is_over());
    }

    #[test]
    fn a_silent_newcomer_displaces_only_the_oldest_silent_one_of_its_source_after_a_second() {
        let mut scene = Scene::new(2);
        let first = scene.come(FLOOD, false).unwrap();
        scene.pass(500);
        let second = scene.come(FLOOD, false).unwrap();
        scene.pass(499);
        assert!(scene.come(FLOOD, false).is_none());
        scene.pass(1);
        assert!(scene.come(FLOOD, false).is_some());
        assert!(first.is_over() && !second.is_over());
        assert!(scene.come(FLOOD, false).is_none());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_over() {
        let mut scene = Scene::new(1);
        let first = scene.come(FLOOD, true).unwrap();
        assert!(scene.come(SCRAPER, false).is_none());
        first.end();
        assert!(scene.come(SCRAPER, false).is_some());
    }
}
