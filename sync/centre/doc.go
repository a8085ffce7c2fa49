// Package centre is the reference centre: the other end of the national interface as far as gongjid uses it, with a
// book of its own. It lets an integrator rehearse, stands behind the demo and the tests, and may serve as the head
// office of a small chain. It is no copy of any province's system.
//
// It answers 9001, 1101, 2102, 2103 and 2601 and the feed extension G101 and G102, all in the national envelope.
//
// # Choices where the interface is silent
//
//   - A repeated msgid is refused with [MSGID-REPEATED]; nothing is booked twice.
//   - 2601 of an unknown msgid is refused with [2601-NOTFOUND], of something that cannot be undone with
//     [2601-NOTREVERSIBLE]; a 2601 repeated after success is accepted again.
//   - 2103 books a negative row with a setl_id of its own. A 2601 of it lets the settlement stand again.
//   - respond_time is stamped after the booking, under the lock under which snapshots are taken, and no two answers
//     carry the same millisecond. So a snapshot contains exactly the bookings whose respond_time is not later than it.
//
// # The split
//
// The centre splits by itself: the patient's own account, then the bound relatives by rank, then cash. A till's
// expected split (exp_content, our extension) tells it the fund's part and how much of the bill accounts may pay, which
// the national message does not say; where own and shared money suffice the figures come out as expected, else the
// centre's own stand. Without it the fund's part is 0 and accounts may pay all of the bill.
//
// # What it keeps
//
// With a [Journal] every booking is on disk before it is answered. People, accounts and bindings are the snapshot
// format of the feed page; they are identities in clear, as a centre has them, and belong on a machine of their own.
package centre
