//! Messages that are in two places.
//!
//! A power cut can leave both names of a rename, on a file system that does not journal it as one step, and a restored
//! backup brings old names back. It cannot be known which name is newer, so a message in two places is treated like one
//! in `active`: the API may have accepted it. No run ever holds one that is in two places:
//! [`Held::remove_duplicates`] leaves it in `active` alone. In every state in between, the message is in `active` or still
//! in two places.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::disk::sync_dir;
use super::{Held, Hold, Place, Spool};
use crate::system::error::Result;

/// The same message in another place.
struct Duplicate<'a> {
    place: Place,
    /// It is another file with the same bytes; otherwise it is another name of the same file.
    copy: Option<Held<'a>>,
}

/// The other files with the name of a message.
#[derive(Default)]
struct SameName<'a> {
    duplicates: Vec<Duplicate<'a>>,
    /// A file in `queue` with other bytes.
    namesake: Option<Held<'a>>,
}

impl Spool {
    /// Whether the message called `name` is in two places, and no run works on it. Changes nothing.
    pub(crate) fn is_double(&self, name: &OsStr) -> bool {
        let held = Place::ALL.iter().find_map(|place| {
            match self.try_hold(*place, name, &self.path(*place, name)) {
                Ok(Hold::Held(held)) => Some(held),
                _ => None,
            }
        });
        let same_name = held.as_ref().map(Held::same_name);
        matches!(same_name, Some(Ok(Some(same_name))) if !same_name.duplicates.is_empty())
    }
}

impl<'a> Held<'a> {
    /// The other files with its name; `None` while another run works on one of them.
    fn same_name(&self) -> io::Result<Option<SameName<'a>>> {
        let ours = self.file.metadata()?;
        let mut same_name = SameName::default();
        for place in Place::ALL.into_iter().filter(|it| *it != self.place) {
            let path = self.spool.path(place, &self.id);
            let metadata = match fs::symlink_metadata(&path) {
                Err(why) if why.kind() == ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if (metadata.dev(), metadata.ino()) == (ours.dev(), ours.ino()) {
                same_name.duplicates.push(Duplicate { place, copy: None });
                continue;
            }
            let name = OsStr::new(self.id.as_str());
            match self.spool.try_hold(place, name, &path) {
                Ok(Hold::Held(copy)) if is_same(&self.file, &copy.file)? => {
                    let copy = Some(copy);
                    same_name.duplicates.push(Duplicate { place, copy });
                }
                Ok(Hold::Held(it)) if place == Place::Queue => same_name.namesake = Some(it),
                Ok(Hold::Busy) => return Ok(None),
                Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        Ok(Some(same_name))
    }

    /// The file in `queue` with its name and other bytes, locked.
    pub(crate) fn namesake(&self) -> Option<Held<'a>> {
        self.same_name().ok().flatten()?.namesake
    }

    /// Removes a message that is in two places from all but `active`.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind::Output).
    pub(super) fn remove_duplicates(mut self) -> Result<Hold<'a>> {
        let same_name = self.same_name().map_err(|why| {
            let path = self.spool.path(self.place, &self.id);
            self.spool.failed("looking for copies of", &path, &why)
        })?;
        let Some(SameName { duplicates, .. }) = same_name else {
            return Ok(Hold::Busy);
        };
        if duplicates.is_empty() {
            return Ok(Hold::Held(self));
        }
        let mut surplus = Vec::new();
        // Copies stay locked until the end.
        let mut copies = Vec::new();
        for Duplicate { place, copy } in duplicates {
            if place != Place::Active {
                surplus.push(place);
                copies.extend(copy);
                continue;
            }
            surplus.push(self.place);
            match copy {
                Some(copy) => copies.push(std::mem::replace(&mut self, copy)),
                None => self.place = place,
            }
        }
        self.is_double = true;
        self.is_synced = false;
        self.put(Place::Active)?;
        for place in surplus {
            let path = self.spool.path(place, &self.id);
            // The move to `active` may just have removed this name.
            match fs::remove_file(&path) {
                Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
                _ => sync_dir(&self.spool.dir.join(place.name())),
            }
            .map_err(|why| self.spool.failed("removing", &path, &why))?;
        }
        Ok(Hold::Held(self))
    }
}

/// Whether both files have the same bytes.
fn is_same(a: &File, b: &File) -> io::Result<bool> {
    let length = a.metadata()?.len();
    if b.metadata()?.len() != length {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut at = 0;
    while at < length {
        let piece = ours.len().min((length - at) as usize);
        a.read_exact_at(&mut ours[..piece], at)?;
        b.read_exact_at(&mut theirs[..piece], at)?;
        if ours[..piece] != theirs[..piece] {
            return Ok(false);
        }
        at += piece as u64;
    }
    Ok(true)
}
