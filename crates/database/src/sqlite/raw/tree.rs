//! The tree of a table: from its root to its leaves, in the order of the keys.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::pages::{Pages, u32_at};
use super::record::{self, Row, Value};

/// Levels that a tree of any size has at most.
const MAX_DEPTH: u32 = 20;

/// What kind of tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table with row numbers.
    Rowid,
    /// A table without, or an index.
    Index,
}

/// Where a table is.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its first page; 0 where that is not known.
    pub root: u32,
    /// Its kind.
    pub kind: Kind,
    /// In which places of a row its key is; unused with row numbers.
    pub key: Vec<usize>,
    /// Whether rows whose parent is lost are looked for. Only where no other table has rows of this form.
    pub adopts: bool,
}

/// What a walk comes across.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A row.
    Row(Row),
    /// Rows may be missing whose keys are between these two, both excluded; none: from the first, or to the last.
    Lost {
        /// The key before.
        after: Option<Vec<Value>>,
        /// The key behind.
        before: Option<Vec<Value>>,
    },
}

type Key = Vec<Value>;

/// A walk.
pub(super) struct Tree<'a> {
    pages: &'a Pages,
    table: &'a Table,
    fits: Option<&'a dyn Fn(&Row) -> bool>,
    seen: HashSet<u32>,
}

/// A page that makes sense.
struct Node {
    /// Children, each before the row of the same place; the last one behind all. Empty on a leaf.
    children: Vec<u32>,
    /// Keys that divide the children, or of the rows of a leaf.
    keys: Vec<Key>,
    /// Rows; empty on an inner page of a table with row numbers.
    rows: Vec<Row>,
}

/// Rows whose parent is lost: those of a leaf, or one of an inner page.
struct Orphan {
    first: Key,
    last: Key,
    page: u32,
    place: Option<usize>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(pages: &'a Pages, table: &'a Table) -> Self {
        Self {
            pages,
            table,
            fits: None,
            seen: HashSet::new(),
        }
    }

    pub(super) fn fitting(mut self, fits: &'a dyn Fn(&Row) -> bool) -> Self {
        self.fits = Some(fits);
        self
    }

    pub(super) fn walk(mut self, found: &mut dyn FnMut(Found) -> bool) {
        // First which pages are parts of the tree, so that the others can be looked at where one is missing.
        let mut has_lost_parents = false;
        self.mark(self.table.root, None, None, 0, &mut has_lost_parents);
        let orphans = if has_lost_parents && self.table.adopts {
            self.orphans()
        } else {
            Vec::new()
        };
        self.visit(self.table.root, None, None, &orphans, found);
    }

    fn mark(
        &mut self,
        page: u32,
        after: Option<&Key>,
        before: Option<&Key>,
        depth: u32,
        lost_parents: &mut bool,
    ) {
        // A page that is named twice is lost at the second place.
        let is_new = self.seen.insert(page);
        let node = (is_new && depth < MAX_DEPTH)
            .then(|| self.node(page, after, before))
            .flatten();
        let Some(node) = node else {
            *lost_parents = true;
            if is_new {
                self.seen.remove(&page);
            }
            return;
        };
        for (place, child) in node.children.iter().enumerate() {
            let (low, high) = bounds(&node.keys, place, after, before);
            self.mark(*child, low, high, depth + 1, lost_parents);
        }
    }

    fn visit(
        &mut self,
        page: u32,
        after: Option<&Key>,
        before: Option<&Key>,
        orphans: &[Orphan],
        found: &mut dyn FnMut(Found) -> bool,
    ) -> bool {
        // Taken out, so that a page that is named twice is visited once.
        let node = self
            .seen
            .remove(&page)
            .then(|| self.node(page, after, before))
            .flatten();
        let Some(node) = node else {
            return self.bridge(after, before, orphans, found);
        };
        if node.children.is_empty() {
            return node.rows.into_iter().all(|row| found(Found::Row(row)));
        }
        let mut rows = node.rows.into_iter();
        for (place, child) in node.children.iter().enumerate() {
            let (low, high) = bounds(&node.keys, place, after, before);
            if !self.visit(*child, low, high, orphans, found) {
                return false;
            }
            if let Some(row) = rows.next()
                && !found(Found::Row(row))
            {
                return false;
            }
        }
        true
    }

    /// In the place of a page that is lost: what is found below it without it, and what is lost in between.
    fn bridge(
        &self,
        after: Option<&Key>,
        before: Option<&Key>,
        orphans: &[Orphan],
        found: &mut dyn FnMut(Found) -> bool,
    ) -> bool {
        let mut last = after.cloned();
        for orphan in orphans {
            let is_within = last
                .as_ref()
                .is_none_or(|last| order(last, &orphan.first).is_lt())
                && before.is_none_or(|before| self.is_before(&orphan.last, before));
            let Some(node) = is_within
                .then(|| self.node(orphan.page, None, None))
                .flatten()
            else {
                continue;
            };
            let mut rows = node.rows;
            if let Some(place) = orphan.place {
                rows = vec![rows.swap_remove(place)];
            }
            let lost = Found::Lost {
                after: last,
                before: Some(orphan.first.clone()),
            };
            if !found(lost) || !rows.into_iter().all(|row| found(Found::Row(row))) {
                return false;
            }
            last = Some(orphan.last.clone());
        }
        found(Found::Lost {
            after: last,
            before: before.cloned(),
        })
    }

    /// Whether a key is in a child whose upper bound is this: it may be the bound itself where rows have numbers.
    fn is_before(&self, key: &Key, bound: &Key) -> bool {
        let order = order(key, bound);
        order.is_lt() || (order.is_eq() && self.table.kind == Kind::Rowid)
    }

    /// Rows that could be of this table, on pages that belong to nothing that was walked and are not free, by their first key.
    fn orphans(&self) -> Vec<Orphan> {
        let free = match self.pages.free() {
            Some(free) => free,
            // Where the first page is lost, so is the list of free pages; and without the list of tables there is nothing at all.
            None if self.table.root == 1 => HashSet::new(),
            None => return Vec::new(),
        };
        let mut orphans = Vec::new();
        for page in 2..=self.pages.count {
            if self.seen.contains(&page) || free.contains(&page) {
                continue;
            }
            let Some(node) = self
                .node(page, None, None)
                .filter(|node| !node.rows.is_empty())
            else {
                continue;
            };
            if node.children.is_empty() {
                let (first, last) = (node.keys.first().cloned(), node.keys.last().cloned());
                orphans.extend(first.zip(last).map(|(first, last)| Orphan {
                    first,
                    last,
                    page,
                    place: None,
                }));
            } else {
                // Other pages stand between the rows of an inner page.
                let rows = node.keys.into_iter().enumerate();
                orphans.extend(rows.map(|(place, key)| Orphan {
                    first: key.clone(),
                    last: key,
                    page,
                    place: Some(place),
                }));
            }
        }
        orphans.sort_by(|a, b| order(&a.first, &b.first));
        orphans
    }

    /// Reads a page; none where it cannot be a page of this tree with keys between these.
    fn node(&self, number: u32, after: Option<&Key>, before: Option<&Key>) -> Option<Node> {
        let page = self.pages.page(number)?;
        let start = if number == 1 { 100 } else { 0 };
        let (is_leaf, kind) = match page.get(start)? {
            0x02 => (false, Kind::Index),
            0x05 => (false, Kind::Rowid),
            0x0a => (true, Kind::Index),
            0x0d => (true, Kind::Rowid),
            _ => return None,
        };
        if kind != self.table.kind {
            return None;
        }
        let cells = usize::from(u16::from_be_bytes([page[start + 3], page[start + 4]]));
        let pointers = start + if is_leaf { 8 } else { 12 };
        let content = pointers + cells * 2;
        if content > self.pages.usable || (!is_leaf && cells == 0) {
            return None;
        }
        let mut node = Node {
            children: Vec::new(),
            keys: Vec::with_capacity(cells),
            rows: Vec::with_capacity(cells),
        };
        for cell in 0..cells {
            let pointer = pointers + cell * 2;
            let at = usize::from(u16::from_be_bytes([page[pointer], page[pointer + 1]]));
            if at < content || at >= self.pages.usable {
                return None;
            }
            self.cell(&page, at, is_leaf, &mut node)?;
        }
        if !is_leaf {
            node.children.push(u32_at(&page, start + 8)?);
        }
        let is_ordered = node
            .keys
            .windows(2)
            .all(|pair| order(&pair[0], &pair[1]).is_lt());
        let is_within = node
            .keys
            .first()
            .is_none_or(|first| after.is_none_or(|after| order(after, first).is_lt()))
            && node
                .keys
                .last()
                .is_none_or(|last| before.is_none_or(|before| self.is_before(last, before)));
        (is_ordered && is_within).then_some(node)
    }

    fn cell(&self, page: &[u8], mut at: usize, is_leaf: bool, node: &mut Node) -> Option<()> {
        if !is_leaf {
            node.children.push(u32_at(page, at)?);
            at += 4;
        }
        let (number, bytes) = record::varint(page.get(at..)?)?;
        at += bytes;
        if self.table.kind == Kind::Rowid && !is_leaf {
            node.keys.push(vec![Value::Integer(number as i64)]);
            return Some(());
        }
        let rowid = if self.table.kind == Kind::Rowid {
            let (rowid, bytes) = record::varint(page.get(at..)?)?;
            at += bytes;
            Some(rowid as i64)
        } else {
            None
        };
        let payload = record::payload(self.pages, page, at, number, rowid.is_some())?;
        let row = Row {
            rowid,
            values: record::values(&payload)?,
        };
        if self.fits.is_some_and(|fits| !fits(&row)) {
            return None;
        }
        node.keys.push(match rowid {
            Some(rowid) => vec![Value::Integer(rowid)],
            None => self
                .table
                .key
                .iter()
                .map(|place| row.values.get(*place).cloned())
                .collect::<Option<_>>()?,
        });
        node.rows.push(row);
        Some(())
    }
}

/// Between which keys the child of a place has its own.
fn bounds<'k>(
    keys: &'k [Key],
    place: usize,
    after: Option<&'k Key>,
    before: Option<&'k Key>,
) -> (Option<&'k Key>, Option<&'k Key>) {
    let low = place.checked_sub(1).and_then(|place| keys.get(place));
    (low.or(after), keys.get(place).or(before))
}

fn order(a: &Key, b: &Key) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.order(b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
