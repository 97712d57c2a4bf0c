//! The memory of unsequenced groups, so that none is delivered twice.

/// How many groups are remembered (ENet's `ENET_PEER_UNSEQUENCED_WINDOW_SIZE`).
const WINDOW: u32 = 1024;

/// How many windows ahead of the present one a group may be (ENet's `ENET_PEER_FREE_UNSEQUENCED_WINDOWS`).
const FREE_WINDOWS: u32 = 32;

/// Which groups of the present window have been seen. Connection-wide, not per channel.
#[derive(Debug, Default)]
pub(crate) struct UnsequencedWindow {
    base: u16,
    seen: Option<Box<[u64; WINDOW as usize / 64]>>,
}

impl UnsequencedWindow {
    /// Whether a group is new and not too old; moves the window to it if it is ahead.
    pub(crate) fn admits(&mut self, group: u16) -> bool {
        let bit = u32::from(group) % WINDOW;
        let mut ahead = u32::from(group);
        if group < self.base {
            ahead += 0x1_0000;
        }
        if ahead >= u32::from(self.base) + FREE_WINDOWS * WINDOW {
            return false;
        }
        let base = group - bit as u16;
        let seen = self.seen.get_or_insert_default();
        if base != self.base {
            self.base = base;
            **seen = Default::default();
        }
        seen[bit as usize / 64] & (1 << (bit % 64)) == 0
    }

    /// Remembers an admitted group.
    pub(crate) fn remember(&mut self, group: u16) {
        let bit = u32::from(group) % WINDOW;
        self.seen.get_or_insert_default()[bit as usize / 64] |= 1 << (bit % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(window: &mut UnsequencedWindow, group: u16) -> bool {
        let admitted = window.admits(group);
        if admitted {
            window.remember(group);
        }
        admitted
    }

    #[test]
    fn a_group_is_taken_once_in_any_order() {
        let mut window = UnsequencedWindow::default();
        assert!(take(&mut window, 5));
        assert!(take(&mut window, 3));
        assert!(!take(&mut window, 5));
    }

    #[test]
    fn a_later_window_forgets_the_one_before_and_refuses_it() {
        let mut window = UnsequencedWindow::default();
        assert!(take(&mut window, 5));
        assert!(take(&mut window, 1024 + 7));
        assert!(!take(&mut window, 6));
    }

    #[test]
    fn groups_wrap_and_half_the_space_ahead_is_taken() {
        let mut window = UnsequencedWindow::default();
        assert!(take(&mut window, 32_767));
        assert!(take(&mut window, 64_000));
        assert!(take(&mut window, 3));
        assert!(!take(&mut window, 32_768), "32 windows ahead of base 0 is behind it");
    }
}
