//! A table of fixed size by source address, whose least recently used rows make room for new ones.
//!
//! The replacement is the clock algorithm: a hand goes around the rows, takes the first that was not
//! used since it last passed, and so costs little and never moves a row. An address that comes once
//! is replaced before one that comes again, so a flood of spoofed sources leaves the others in.

use std::collections::HashMap;

use bullhorn_socket::Address;

/// The most rows that the hand passes in search of one to replace, so that no worker waits long; the
/// next one is then replaced although it was used.
const MAX_PASSED: usize = 64;

/// Rows by source address, ports aside.
#[derive(Debug)]
pub(super) struct Table<V> {
    /// Keyed anew for each table (SipHash), so that no one can choose addresses that collide.
    index: HashMap<Address, usize>,
    rows: Vec<Row<V>>,
    max: usize,
    hand: usize,
    evicted: u64,
    /// Whether a row must not be replaced while another may be.
    is_in_use: fn(&V) -> bool,
}

#[derive(Debug)]
struct Row<V> {
    address: Address,
    value: V,
    /// It was used again since the hand last passed.
    is_recent: bool,
}

impl<V: Default> Table<V> {
    /// Room for `max` rows, at least one.
    pub(super) fn new(max: usize, is_in_use: fn(&V) -> bool) -> Self {
        let max = max.max(1);
        Self {
            // Twice as many, or replacing rows would make it grow once.
            index: HashMap::with_capacity(2 * max),
            rows: Vec::with_capacity(max),
            max,
            hand: 0,
            evicted: 0,
            is_in_use,
        }
    }

    /// The row of this peer, a new one if it has none.
    pub(super) fn row(&mut self, peer: &Address) -> &mut V {
        let address = peer.without_port();
        let index = match self.index.get(&address) {
            Some(index) => {
                self.rows[*index].is_recent = true;
                *index
            }
            None => self.insert(address),
        };
        &mut self.rows[index].value
    }

    /// The row of this peer, if it has one.
    pub(super) fn find(&mut self, peer: &Address) -> Option<&mut V> {
        let index = self.index.get(&peer.without_port())?;
        Some(&mut self.rows[*index].value)
    }

    /// The rows with their addresses, in no particular order.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = (&Address, &V)> {
        self.rows.iter().map(|row| (&row.address, &row.value))
    }

    /// How many rows were replaced.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn insert(&mut self, address: Address) -> usize {
        let row = Row {
            address: address.clone(),
            value: V::default(),
            is_recent: false,
        };
        let index = if self.rows.len() < self.max {
            self.rows.push(row);
            self.rows.len() - 1
        } else {
            let index = self.least_recent();
            self.index.remove(&self.rows[index].address);
            self.evicted += 1;
            self.rows[index] = row;
            index
        };
        self.index.insert(address, index);
        index
    }

    fn least_recent(&mut self) -> usize {
        let mut index = self.hand;
        for _ in 0..MAX_PASSED {
            index = self.hand;
            self.hand = (index + 1) % self.max;
            let row = &mut self.rows[index];
            if !std::mem::take(&mut row.is_recent) && !(self.is_in_use)(&row.value) {
                break;
            }
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(number: u8, port: u16) -> Address {
        SocketAddr::from(([192, 0, 2, number], port)).into()
    }

    fn table(max: usize) -> Table<u32> {
        Table::new(max, |value| *value >= 1000)
    }

    fn numbers(table: &Table<u32>) -> Vec<u8> {
        let mut numbers: Vec<u8> = table
            .rows()
            .map(|(address, _)| match address.as_socket() {
                Some(SocketAddr::V4(address)) => address.ip().octets()[3],
                other => panic!("{other:?}"),
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn the_ports_of_an_address_share_a_row() {
        let mut table = table(4);
        for port in 1..=9 {
            *table.row(&peer(1, port)) += 1;
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:9".parse().unwrap();
        *table.row(&mapped.into()) += 1;
        assert_eq!(table.find(&peer(1, 77)), Some(&mut 10));
        assert_eq!(table.find(&peer(2, 1)), None);
        assert_eq!(table.rows().len(), 1);
    }

    #[test]
    fn link_local_addresses_of_two_interfaces_differ() {
        let mut table = table(4);
        for text in ["[fe80::1%1]:9", "[fe80::1%2]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            *table.row(&address.into()) += 1;
        }
        assert_eq!(table.rows().len(), 2);
    }

    #[test]
    fn what_is_used_again_stays_and_what_comes_once_makes_room() {
        let mut table = table(4);
        for number in 1..=4 {
            table.row(&peer(number, 1));
        }
        // A regular among very many that come once.
        for number in 5..=250 {
            *table.row(&peer(2, 1)) += 1;
            table.row(&peer(number, 1));
        }
        assert_eq!(table.rows().len(), 4);
        assert_eq!(table.evicted(), 246);
        assert_eq!(table.find(&peer(2, 1)), Some(&mut 246));
        assert_eq!(numbers(&table)[1..], [248, 249, 250]);
    }

    #[test]
    fn a_row_in_use_is_replaced_only_when_all_are() {
        let mut table = table(3);
        *table.row(&peer(1, 1)) = 1000;
        for number in 2..=100 {
            table.row(&peer(number, 1));
        }
        assert_eq!(numbers(&table), [1, 99, 100]);
        for number in [99, 100] {
            *table.row(&peer(number, 1)) = 1000;
        }
        table.row(&peer(200, 1));
        assert_eq!(numbers(&table).len(), 3);
        assert!(numbers(&table).contains(&200));
    }

    #[test]
    fn a_full_table_takes_no_more_memory() {
        let mut table = table(16);
        let (index, rows) = (table.index.capacity(), table.rows.capacity());
        for number in 0..100_000_u32 {
            let address = SocketAddr::from((number.to_be_bytes(), 1));
            table.row(&address.into());
        }
        assert!(table.index.capacity() <= index);
        assert_eq!(table.rows.capacity(), rows);
        assert_eq!(table.evicted(), 100_000 - 16);
    }
}
