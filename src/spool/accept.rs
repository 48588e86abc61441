//! Accepting a message: written to `tmp`, synced, and moved to its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::disk::{entries, private, sync};
use super::{Held, Id, Message, Place, Spool, Tag};
use crate::document::Document;
use crate::system::claim::Claim;
use crate::system::error::Result;
use crate::system::{guard, time};

impl Spool {
    /// Accepts a message, under a name that sorts after all that are pending for its target. When this returns, it is on
    /// the disk, in the place `to`, and locked.
    ///
    /// # Errors
    /// `Kind::Output`, or `Kind::Input` if the pending messages cannot be listed; the message is then not in the spool.
    pub(crate) fn accept(
        &self,
        message: &mut Message,
        body: &Document,
        to: Place,
    ) -> Result<Held<'_>> {
        self.check_limit(body.len())?;
        let tag = Tag::of(&message.target);
        let (file, path) = loop {
            // The clock may have been set back.
            let micros = time::micros().max(self.newest(&tag)? + 1);
            message.id = Id::new(micros, &tag);
            self.newest.replace(Some((tag.clone(), micros)));
            let path = self.dir.join("tmp").join(&message.id);
            match self.create_in_tmp(&path, &message.id) {
                Ok(Some(file)) => break (file, path),
                Ok(None) => {}
                Err(why) => return Err(self.failed("making", &path, &why)),
            }
        };
        let written = message.write(body, &mut &file).and_then(|()| sync(&file));
        let length = match written {
            Ok(metadata) => metadata.len(),
            Err(why) => {
                let _ = fs::remove_file(&path);
                return Err(self.failed("writing", &path, &why));
            }
        };
        let target = self.path(to, &message.id);
        if let Err(why) = fs::rename(&path, &target) {
            let _ = fs::remove_file(&path);
            return Err(self.failed("moving", &path, &why));
        }
        self.add_bytes(length.cast_signed());
        if let Err(why) = sync(&file) {
            let error = self.failed("syncing", &target, &why);
            return Err(match fs::remove_file(&target) {
                Ok(()) => error,
                Err(_) => error.after(Claim::MaybeSpooled).hint(format!(
                    "it could not be removed either, and may still be delivered: look at '{}' first",
                    target.display()
                )),
            });
        }
        Ok(Held {
            spool: self,
            id: message.id.clone(),
            file,
            place: to,
            is_synced: true,
            is_double: false,
        })
    }

    /// Creates a file and locks it; `None` if there is a message of that name. A sweep may remove the file before it is
    /// locked: then another one is created.
    fn create_in_tmp(&self, path: &Path, id: &Id) -> io::Result<Option<File>> {
        loop {
            let file = match private(OpenOptions::new().write(true).create_new(true)).open(path) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists => return Ok(None),
                file => file?,
            };
            file.lock()?;
            // A rename would replace it.
            let exists = |place| fs::symlink_metadata(self.path(place, id)).is_ok();
            if Place::ALL.into_iter().any(exists) {
                fs::remove_file(path)?;
                return Ok(None);
            }
            if file.metadata()?.nlink() > 0 {
                return Ok(Some(file));
            }
        }
    }

    /// Removes the partial files of runs that were killed. What cannot be removed now may be removed later.
    pub(crate) fn sweep(&self) {
        let dir = self.dir.join("tmp");
        for name in entries(&dir).unwrap_or_default() {
            let path = dir.join(&name);
            if Id::parse(&name).is_some()
                && let Ok(Ok((file, _))) = guard::open_own(&path, self.owner)
                && file.try_lock().is_ok()
                && file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
            {
                let _ = fs::remove_file(&path);
            }
        }
    }
}
