//! From recordings to an expectations file: which cases its entries have to speak of, in few patterns,
//! and the file edited so. It refuses to know files on a disk.

mod cover;
mod fewest;
mod rows;
