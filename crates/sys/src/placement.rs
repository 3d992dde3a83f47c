//! Where a file system puts what is made.

use std::os::fd::AsFd;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

/// Asks for each folder made in this one a part of the disk of its own (chattr(1), `T`); ext4 has it, others ignore it.
///
/// ext4 gives no new file the inode of one deleted in the last minutes, and looks at every such inode anew for every new
/// file of that part of the disk: 20,000 files made right after 20,000 others were deleted take nine seconds instead of one.
/// ext4 finds the part by the new folder's name, so whoever makes the same folder again makes it under another name and
/// renames it.
pub fn spread(folder: impl AsFd) {
    if let Ok(flags) = ioctl_getflags(&folder)
        && !flags.contains(IFlags::TOPDIR)
    {
        // Only a wish: what cannot be had costs time and nothing else.
        let _ = ioctl_setflags(&folder, flags | IFlags::TOPDIR);
    }
}
