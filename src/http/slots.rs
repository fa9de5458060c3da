//! The slots of open connections, and which connection loses its slot when all are taken.
//!
//! Slots are shared among peers. When all are taken, the peer with the most connections loses one,
//! so a flood from one address costs only that address. Among its connections, those without a
//! complete request go first, the oldest of them before the others. A new connection whose request
//! has arrived is served at once, and therefore always gets a slot. One without a request gets a
//! slot from a peer that has more connections than its own. Among its own peer's connections, and
//! among peers with as many, it displaces neither one with a request nor a young one, whose client
//! may be far away.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::peer::Peer;

/// How long a connection is safe from new ones without a request: several round trips of the
/// slowest networks.
const MIN_AGE: Duration = Duration::from_secs(1);

/// A connection that has a slot.
pub(super) trait Occupant {
    fn is_finished(&self) -> bool;
    /// Whether its complete request has arrived.
    fn has_request(&self) -> bool;
    fn abort(&self);
}

/// The open connections.
#[derive(Debug)]
pub(super) struct Slots<C> {
    max: usize,
    taken: Vec<Slot<C>>,
}

#[derive(Debug)]
struct Slot<C> {
    connection: C,
    peer: Peer,
    since: Instant,
}

impl<C: Occupant> Slots<C> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            taken: Vec::new(),
        }
    }

    /// Whether a new connection gets a slot, for which another may be aborted.
    pub(super) fn make_room(&mut self, peer: Peer, has_request: bool, now: Instant) -> bool {
        self.taken.retain(|slot| !slot.connection.is_finished());
        if self.taken.len() < self.max {
            return true;
        }
        let Some(index) = self.first_to_go(peer) else {
            return false;
        };
        let victim = &self.taken[index];
        let has_more = self.share_of(victim.peer) > self.share_of(peer) + 1;
        let is_young = now.duration_since(victim.since) < MIN_AGE;
        if !has_request && !has_more && (victim.connection.has_request() || is_young) {
            return false;
        }
        self.taken.swap_remove(index).connection.abort();
        true
    }

    /// Fills the slot that [`make_room`](Self::make_room) has found.
    pub(super) fn insert(&mut self, connection: C, peer: Peer, now: Instant) {
        self.taken.push(Slot {
            connection,
            peer,
            since: now,
        });
    }

    fn first_to_go(&self, newcomer: Peer) -> Option<usize> {
        let (index, _) = self.taken.iter().enumerate().max_by_key(|(_, slot)| {
            let share = self.share_of(slot.peer);
            // Among peers with as many connections, the newcomer's own comes first.
            let is_own = slot.peer == newcomer;
            let is_silent = !slot.connection.has_request();
            (share, is_own, is_silent, Reverse(slot.since))
        })?;
        Some(index)
    }

    fn share_of(&self, peer: Peer) -> usize {
        self.taken.iter().filter(|slot| slot.peer == peer).count()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Fake {
        has_request: bool,
        aborted: Rc<Cell<bool>>,
    }

    impl Occupant for Fake {
        fn is_finished(&self) -> bool {
            self.aborted.get()
        }
        fn has_request(&self) -> bool {
            self.has_request
        }
        fn abort(&self) {
            self.aborted.set(true);
        }
    }

    struct Scene {
        slots: Slots<Fake>,
        now: Instant,
    }

    impl Scene {
        fn new(max: usize) -> Self {
            Self {
                slots: Slots::new(max),
                now: Instant::now(),
            }
        }

        fn wait(&mut self, milliseconds: u64) {
            self.now += Duration::from_millis(milliseconds);
        }

        fn connect(&mut self, user: u32, has_request: bool) -> Option<Fake> {
            let peer = Peer::User(Some(user));
            let fake = Fake {
                has_request,
                ..Fake::default()
            };
            let has_room = self.slots.make_room(peer, has_request, self.now);
            has_room.then(|| {
                self.slots.insert(fake.clone(), peer, self.now);
                fake
            })
        }
    }

    const FLOOD: u32 = 1;
    const SCRAPER: u32 = 2;

    #[test]
    fn a_flood_from_one_peer_takes_no_slot_of_another() {
        let mut scene = Scene::new(8);
        let scraper = scene.connect(SCRAPER, false).unwrap();
        for _ in 0..10_000 {
            scene.wait(1);
            scene.connect(FLOOD, false);
        }
        assert!(!scraper.is_finished());
        let late = scene.connect(SCRAPER, false).unwrap();
        for _ in 0..10_000 {
            scene.wait(1);
            scene.connect(FLOOD, true);
        }
        assert!(!late.is_finished() && !scraper.is_finished());
    }

    #[test]
    fn a_request_gets_a_slot_while_its_own_peer_floods_the_server_with_silent_connections() {
        let mut scene = Scene::new(8);
        for _ in 0..100 {
            scene.connect(FLOOD, false);
        }
        let request = scene.connect(FLOOD, true).unwrap();
        for _ in 0..10_000 {
            scene.wait(1);
            scene.connect(FLOOD, false);
        }
        assert!(!request.is_finished());
    }

    #[test]
    fn a_silent_connection_displaces_only_the_oldest_silent_one_of_its_peer_after_a_second() {
        let mut scene = Scene::new(2);
        let first = scene.connect(FLOOD, false).unwrap();
        scene.wait(500);
        let second = scene.connect(FLOOD, false).unwrap();
        scene.wait(499);
        assert!(scene.connect(FLOOD, false).is_none());
        scene.wait(1);
        assert!(scene.connect(FLOOD, false).is_some());
        assert!(first.is_finished() && !second.is_finished());
        assert!(scene.connect(FLOOD, false).is_none());
    }

    #[test]
    fn a_slot_is_free_again_when_its_connection_is_finished() {
        let mut scene = Scene::new(1);
        let first = scene.connect(FLOOD, true).unwrap();
        assert!(scene.connect(SCRAPER, false).is_none());
        first.abort();
        assert!(scene.connect(SCRAPER, false).is_some());
    }
}
