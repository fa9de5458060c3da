//! Generates the case tables from the standard library's own character data.
//!
//! The meaning of the tables is beside their types, in `src/table.rs`. Nothing about any script is
//! typed by hand, here or there: a toolchain with a newer Unicode version yields newer tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

/// The number of characters that share every byte but the last.
const PAGE: usize = 64;

type Page = [[u8; PAGE]; 4];
type Node = [u8; PAGE];

/// The pages of all characters with capitals, by their bytes before the last one.
type Pages = BTreeMap<Vec<u8>, Page>;

/// Capitals of another length than their character: their bytes, and how many of the 8 they are.
type Resized = ([u8; 8], usize);

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");

    let (pages, resized) = pages()?;
    let mut code = format!("pub(super) static LEADS: Leads = {:?};\n", leads(&pages));
    list(
        &mut code,
        "PAGES",
        "Page",
        std::iter::once(&[[0; PAGE]; 4]).chain(pages.values()),
    )?;
    list(&mut code, "NODES", "Node", nodes(&pages).values())?;
    list(&mut code, "RESIZED", "Resized", resized.iter())?;
    let directory = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(Path::new(&directory).join("tables.rs"), code)
}

fn pages() -> io::Result<(Pages, Vec<Resized>)> {
    let mut pages = Pages::new();
    let mut resized = Vec::new();
    for character in '\u{80}'..=char::MAX {
        let text = character.to_string();
        let capitals: String = character.to_uppercase().collect();
        if capitals == text {
            continue;
        }
        let Some((last, prefix)) = text.as_bytes().split_last() else {
            continue;
        };
        let page = pages.entry(prefix.to_vec()).or_insert([[0; PAGE]; 4]);
        let column = column(last);
        if capitals.len() == text.len() {
            for (row, (before, after)) in text.bytes().zip(capitals.bytes()).enumerate() {
                page[row][column] = before ^ after;
            }
        } else {
            page[0][column] = text.as_bytes()[0];
            page[1][column] = u8::try_from(resized.len()).map_err(io::Error::other)?;
            let mut bytes = [0; 8];
            bytes[..capitals.len()].copy_from_slice(capitals.as_bytes());
            resized.push((bytes, capitals.len()));
        }
    }
    Ok((pages, resized))
}

/// The tree that leads to `pages`, byte by byte.
fn nodes(pages: &Pages) -> BTreeMap<Vec<u8>, Node> {
    let mut nodes: BTreeMap<Vec<u8>, Node> = BTreeMap::new();
    for prefix in pages.keys() {
        for length in 0..prefix.len() {
            nodes.entry(prefix[..length].to_vec()).or_insert([0; PAGE]);
        }
    }
    // The root sorts first and has no parent; page 0 is the empty one: so 0 always means "no case here".
    let numbered_nodes = nodes.keys().cloned().zip(0..).skip(1);
    let numbered_pages = pages.keys().cloned().zip(1..);
    for (prefix, number) in numbered_nodes
        .chain(numbered_pages)
        .collect::<Vec<(_, u8)>>()
    {
        if let Some((byte, parent)) = prefix.split_last()
            && let Some(node) = nodes.get_mut(parent)
        {
            node[column(byte)] = number;
        }
    }
    nodes
}

/// For the halves of a lead byte, the bits that both have where characters with that lead have capitals.
fn leads(pages: &Pages) -> [[u8; 16]; 2] {
    let mut leads = [[0; 16]; 2];
    for high in 0xC..0x10_u8 {
        leads[1][usize::from(high)] = 1 << (high & 3);
    }
    for lead in pages.keys().map(|prefix| prefix[0]) {
        leads[0][usize::from(lead & 0x0F)] |= leads[1][usize::from(lead >> 4)];
    }
    leads
}

/// The index of a lead or continuation byte in a node or page.
fn column(byte: &u8) -> usize {
    usize::from(byte & 0x3F)
}

fn list<T: std::fmt::Debug>(
    code: &mut String,
    name: &str,
    item: &str,
    items: impl Iterator<Item = T>,
) -> io::Result<()> {
    let items: Vec<T> = items.collect();
    let length = items.len();
    writeln!(
        code,
        "pub(super) static {name}: [{item}; {length}] = {items:#?};"
    )
    .map_err(io::Error::other)
}
