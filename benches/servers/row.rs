//! Rows of a table: a server under a load.

use crate::contender::Contender;
use crate::load::Load;

/// One server under one load.
#[derive(Clone)]
pub(crate) struct Row {
    /// Distinguishes this load within the scenario.
    pub(crate) load_name: String,
    pub(crate) contender: Contender,
    pub(crate) load: Load,
    /// Rows of a group are compared with the first of them that is `reference`.
    pub(crate) group: String,
    pub(crate) reference: bool,
}

impl Row {
    pub(crate) fn label(&self) -> String {
        format!("{}, {}", self.contender.name(), self.load_name)
    }
}

/// The servers under one load; the first is the reference.
pub(crate) fn group(load_name: &str, load: &Load, contenders: &[Contender]) -> Vec<Row> {
    let row = |(index, contender): (usize, &Contender)| Row {
        load_name: load_name.to_owned(),
        contender: contender.clone(),
        load: load.clone(),
        group: load_name.to_owned(),
        reference: index == 0,
    };
    contenders.iter().enumerate().map(row).collect()
}

/// Rows that differ in the generator; the first is the reference.
pub(crate) fn by_generator(group: &str, rows: &[(&str, Contender, Load)]) -> Vec<Row> {
    let row = |(index, (name, contender, load)): (usize, &(&str, Contender, Load))| Row {
        load_name: (*name).to_owned(),
        contender: contender.clone(),
        load: load.clone(),
        group: group.to_owned(),
        reference: index == 0,
    };
    rows.iter().enumerate().map(row).collect()
}
