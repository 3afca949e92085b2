//! The pages of a file, with what its write-ahead log has newer.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::sqlite::side::log_of;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What SQLite takes, and so what all files have that this crate made.
const USUAL_PAGE: usize = 4096;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A file, open for reading.
#[derive(Debug)]
pub struct Pages {
    file: Mutex<File>,
    log: Option<Mutex<File>>,
    /// Where in the log a page is.
    newer: HashMap<u32, u64>,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Bytes of a page that hold content.
    pub usable: usize,
    /// Pages in all.
    pub count: u32,
    /// Whether the header can be read. Without it nobody knows which pages are free, and hold what was deleted.
    pub has_header: bool,
}

impl Pages {
    /// Opens a file and reads its log.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut header = [0; 100];
        let mut read = read_up_to(&mut file, &mut header)?;
        let mut log = File::open(log_of(path)).ok();
        let mut scan = match &mut log {
            Some(log) => Scan::of(log)?,
            None => Scan::default(),
        };
        if let (Some(log), Some(at)) = (&mut log, scan.newer.get(&1)) {
            log.seek(SeekFrom::Start(*at))?;
            read = read_up_to(log, &mut header)?;
        }
        let has_header = read == header.len() && header.starts_with(MAGIC);
        let told = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            bytes => usize::from(bytes),
        };
        let is_size = told.is_power_of_two() && told >= 512;
        let page_bytes = match (scan.page_bytes, has_header && is_size) {
            (Some(bytes), _) => bytes,
            (None, true) => told,
            (None, false) => USUAL_PAGE,
        };
        let reserved = if has_header && header[20] < 33 {
            usize::from(header[20])
        } else {
            0
        };
        let in_file = u32::try_from(length.div_ceil(page_bytes as u64)).unwrap_or(u32::MAX);
        let count = in_file.max(scan.count);
        scan.newer.retain(|page, _| *page <= count);
        Ok(Self {
            file: Mutex::new(file),
            log: log.map(Mutex::new),
            newer: scan.newer,
            page_bytes,
            usable: page_bytes - reserved,
            count,
            has_header,
        })
    }

    /// One page; none where there is no such page, or the disk cannot read it.
    pub fn page(&self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        let (file, at) = match (self.newer.get(&number), &self.log) {
            (Some(at), Some(log)) => (log, *at),
            _ => (&self.file, u64::from(number - 1) * self.page_bytes as u64),
        };
        let mut page = vec![0; self.page_bytes];
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut page).ok()?;
        Some(page)
    }

    /// Pages that are free; none where that cannot be known.
    pub fn free(&self) -> Option<HashSet<u32>> {
        let header = self.page(1).filter(|_| self.has_header)?;
        let mut free = HashSet::new();
        let mut trunk = u32_at(&header, 32)?;
        while trunk != 0 {
            let page = self.page(trunk)?;
            if !free.insert(trunk) {
                return None;
            }
            trunk = u32_at(&page, 0)?;
            let leaves = u32_at(&page, 4)? as usize;
            if leaves > self.usable / 4 - 2 {
                return None;
            }
            for leaf in 0..leaves {
                free.insert(u32_at(&page, 8 + leaf * 4)?);
            }
        }
        Some(free)
    }
}

/// What a write-ahead log holds up to its last commit.
#[derive(Debug, Default)]
struct Scan {
    newer: HashMap<u32, u64>,
    page_bytes: Option<usize>,
    count: u32,
}

impl Scan {
    fn of(log: &mut File) -> std::io::Result<Self> {
        let mut header = [0; LOG_HEADER];
        if read_up_to(log, &mut header)? < LOG_HEADER {
            return Ok(Self::default());
        }
        let big_endian = match u32_at(&header, 0) {
            Some(0x377f_0682) => false,
            Some(0x377f_0683) => true,
            _ => return Ok(Self::default()),
        };
        let page_bytes = u32_at(&header, 8).unwrap_or_default() as usize;
        let mut sums = checksum(big_endian, (0, 0), &header[..24]);
        let written = (u32_at(&header, 24), u32_at(&header, 28));
        if !page_bytes.is_power_of_two()
            || !(512..=65_536).contains(&page_bytes)
            || written != (Some(sums.0), Some(sums.1))
        {
            return Ok(Self::default());
        }
        let (mut scan, mut pending) = (Self::default(), Vec::new());
        let mut frame = vec![0; FRAME_HEADER + page_bytes];
        let mut at = LOG_HEADER as u64;
        while read_up_to(log, &mut frame)? == frame.len() {
            sums = checksum(big_endian, sums, &frame[..8]);
            sums = checksum(big_endian, sums, &frame[FRAME_HEADER..]);
            let is_of_this_log = frame[8..16] == header[16..24];
            let written = (u32_at(&frame, 16), u32_at(&frame, 20));
            if !is_of_this_log || written != (Some(sums.0), Some(sums.1)) {
                break;
            }
            pending.push((
                u32_at(&frame, 0).unwrap_or_default(),
                at + FRAME_HEADER as u64,
            ));
            let pages = u32_at(&frame, 4).unwrap_or_default();
            if pages != 0 {
                scan.newer.extend(pending.drain(..));
                scan.count = pages;
                scan.page_bytes = Some(page_bytes);
            }
            at += frame.len() as u64;
        }
        Ok(scan)
    }
}

fn checksum(big_endian: bool, mut sums: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let word = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    };
    for pair in bytes.chunks_exact(8) {
        sums.0 = sums.0.wrapping_add(word(pair)).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(word(&pair[4..])).wrapping_add(sums.0);
    }
    sums
}

fn read_up_to(file: &mut File, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read(&mut into[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A number of four bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}
