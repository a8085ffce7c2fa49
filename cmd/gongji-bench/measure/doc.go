// Package measure holds the daemon's speed against what the machine can do and against what one would write by hand.
//
// Shared disks and processors drift by more than what is measured. So every figure is taken in short rounds in which all
// candidates take turns, the disk is probed again before each of them, and what is compared are ratios within a round;
// medians and spreads are reported over the rounds. Each turn has a fresh data directory, a fresh process and a warm-up.
//
// The daemon is the real binary with its real HTTP API and full durability. At 64 tills there are virtual readers with cards in
// them, and every sale is of the next till: a patient whose own account is empty and two relatives, of whom the first pays.
// The centre is there and takes a second for every message, so that reports trickle away beside the sales.
package measure
