// Package centre is the reference centre: the other end of the national interface as far as gongjid uses it, with a
// book of its own. It lets an integrator rehearse, stands behind the demo and the tests, and may serve as the head
// office of a small chain. It is no copy of any province's system.
//
// It answers sign-in and out (9001, 9002), people and tables (1101, 1201, 1901, 2001), pharmacies (2101 to 2103), clinics
// (2201 to 2208), reversal (2601), reconciliation and clearing (3201 to 3203, with the files of 9101 and 9102), items and
// goods (3301, 3302, 3505, 3506), queries (5201, 5203, 5204) and our extensions G101 to G105, all in the national
// envelope. Files live for a day, in memory or in the Store.
//
// # Choices where the interface is silent
//
//   - A repeated msgid is refused with [MSGID-REPEATED]; nothing is booked twice.
//   - 2601 of an unknown msgid is refused with [2601-NOTFOUND], of something that cannot be undone with
//     [2601-NOTREVERSIBLE]; a 2601 repeated after success is accepted again.
//   - 2103 books a negative row with a setl_id of its own. A 2601 of it lets the settlement stand again.
//   - A binding request (G103) is decided at once unless the [Desk] says otherwise; the same request id is the same request.
//     A premium (G104) is debited once for each id, from the payer and then from the other givers.
//   - A clinic's fees are all within the policy's scope, so 2207 repeats them as inscp_scp_amt.
//   - 3202 lists every row of both sides; 000101 is "the centre has it, the institution does not".
//   - respond_time is stamped after the booking, under the lock or in the transaction in which snapshots are taken, and no
//     two answers to a venue carry the same millisecond. So a snapshot contains exactly the bookings whose respond_time is not later than it.
//
// # The split
//
// The centre splits by itself: the patient's own account, then the bound relatives by rank, then cash. A till's
// expected split (exp_content, our extension) tells it the fund's part and how much of the bill accounts may pay, which
// the national message does not say; where own and shared money suffice the figures come out as expected, else the
// centre's own stand. Without it the fund's part is 0 and accounts may pay all of the bill.
//
// # Allowances
//
// Where [Allowances] say so, each venue that saw a family lately has a share of each of its accounts set aside, which other
// venues are told as held elsewhere and cannot spend. A venue's booking comes out of its own share first; G105 gives back
// what is unspent, once for each allowance, which its end names; what nobody returns is free again after a grace. A till
// that names the accounts it has debited (expected split) has those debited and no others, so an allowance holds for each
// account; of one that does not, the centre debits by rank, and allowances hold for the family's money together. It also
// says what its earlier sales, settled offline and not acknowledged yet, count on (leave), and is booked without that, so that
// what was sold within an allowance is booked in full in whatever order reports come. What a cancellation says will be booked anew is kept for that venue, and what is undone goes back into its allowance.
//
// # What it keeps
//
// With a [Journal] every booking is on disk before it is answered, sealed: people, accounts and bindings are identities.
// The key lies beside it in keys/centre.key, for its owner only; whoever copies the folder copies both.
//
// With a [Store] the book is outside the process and any number of processes answer from it; package pgstore keeps it in
// PostgreSQL. The logic is one: a message works on drawers of records, which hold all there is of them in memory, or, within
// one transaction on a Store, what was looked at; what differs at the end is written. What a process alone has then is the
// faults planned for it and the place in a block of serials. A venue's answers are ordered by its own clock in the book,
// which every message of the venue moves; so a snapshot for a venue contains exactly the venue's bookings whose respond_time
// is not later. E-vouchers of the sandbox are looked for among 5,000 people at most.
package centre
