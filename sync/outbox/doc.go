// Package outbox carries the reports of the ledger to the centre: each sale booked there exactly once or reversed
// exactly once, whatever happens to the messages on the way.
//
// # How a report moves
//
// The ledger writes a report in the transaction of what it reports. The [Worker] takes the oldest unfinished report of
// each person, decides the next message from what the journal holds (decide.go, a pure function), writes that message
// to the journal, sends it once, and writes the outcome:
//
//	settle    2102
//	reverse   2103, where the settlement is booked
//	refund    2103, then 2102 with the lines that are kept
//	          a clinic's settlement, reversal and refund go as a visit, see below
//	binding   G103 until the centre has decided, always with the same request id; one that waits for a decision holds
//	          nothing else of the person back
//	premium   G104 until the centre has decided, always with the same premium id
//	orphan    2601 of an in-line message that no settlement came of; a clinic's visit is closed
//	unknown   2601 of the message that is open; only when that is confirmed may anything be booked again
//
// A message that never left may be sent again under a new id. A message whose outcome is unknown is first undone by its
// msgid (2601). An error text in answer to a 2601 proves nothing: it may be wrong, and the message may still be on its
// way; the report stays unknown and the same 2601 is repeated, under back-off, until it is confirmed or the day's item
// result (the [Prover]) shows what the centre has: nothing, and the message counts as never sent, or a booking, which
// the report takes over unless a 2601 is still on its way to it. Delivery is at least once into the journal and at most once into the centre's book.
//
// # A clinic's visit
//
// A sale with a visit is settled by 2201 → 2203 → 2204 → 2206 → 2207, reversed by 2208 → 2205 → 2202, and refunded by
// 2208 → 2205 → 2204 → 2206 → 2207 with the lines that are kept, in the same visit (clinic.go). Each is in the journal before
// it leaves, with the mdtrt_id and the charge batch that it names, so that a crash at any step goes on at that step. Only
// 2207 and 2208 move money; without an outcome the others cost no more than another message:
//
//	2201  5201 asks whether the centre has the visit, also where 2201 was refused since the number is there already (a
//	      second bill of the same visit, or a late copy); it is sent again where the centre has it not
//	2203  sent again: it replaces itself
//	2204  its batch is withdrawn by 2205 and the lines are loaded as another batch. No batch is loaded twice, so that neither
//	      a late 2204 nor a late 2205 can touch the lines that are settled
//	2205  sent again; a refusal says that there is nothing to withdraw
//	2206  asked again, as it is after every start: it books nothing, and its four amounts are not kept
//	2202  sent again; a refusal says that it is closed, or that another bill of the visit stands
//	2207  2601 or the day's item result, as for 2102
//	2208  2601 or the day's item result, as for 2103
//
// Every message of a settlement is built and checked before the first of them leaves. What the centre refuses along the way
// ends the report, after the batch is withdrawn and the visit is closed.
//
// # Goods
//
// What was sold with trace codes is uploaded after its report is accepted (3505), and what comes back after the return is
// (3506), on a line of its own ([Uploads], upload.go): no report of money waits for one. Each row of the answer has its own
// word. Rows that were refused for a passing reason are sent again, and only these; rows refused for good, and rows that do
// not fit the interface, are named on the work list. A message without an outcome is sent again: a row carries its receipt
// and codes, and after such a message "there already" means taken. A return waits until every 3505 of its sale is answered, or
// as long as one without an answer may still be on its way (ProofAfter): what arrived after the 3506 would stand for good. A pack
// that came back and was sold again is uploaded as sold once its return is, also where the return's own report has not got there yet.
//
// # In line
//
// Under authority "platform" [Inline] asks the centre while the patient waits: 2101 for a quote, 2102 for a settlement; 2206
// and 2207 for a clinic's. What
// it says decides where the sale goes, and the sale goes one way only:
//
//	answered    the centre's figures are settled; the settlement takes the message over, booked, in its own transaction
//	refused     nothing is settled
//	unreached   certainly nothing is booked (the line is down, no sign-in): the cached ledger within the offline rules
//	waits       something else of that person is still open, and order is kept: the same
//	unknown     it may be booked: the cached ledger within the offline rules, and the report carries this message, unknown, so
//	            that it is undone or proved like any other before a second one leaves
//
// The message is on disk before it leaves ([InlineStore]). Where no settlement comes of it (the ledger refuses, the card is
// gone, the daemon dies) it becomes an orphan: a report of its own, on the work list, that sends 2601 until it is confirmed
// or proved never to have arrived. A till that repeats the sale finds either the settlement, or an orphan before it in the
// person's order. A 医保码 goes out with the in-line message and is cut out of what is journalled.
//
// A clinic's sale takes the steps of its visit in line (inline_visit.go): 2201, 2203, 2204 and 2206 for a quote, and 2207 on top
// for a settlement, each on disk before it leaves. Only 2207 can leave money in doubt, and it leaves only while enough of the
// deadline is left to hear the answer; what fails before it falls back to the cached ledger, and the report goes on in the same
// visit. A quote's visit is kept open for the settlement of the same sale, which withdraws the lines where the basket has
// changed; where 2206 says otherwise than the patient was told, nothing is booked. What comes to nothing is an orphan: 2601 or
// 2208 where money may have moved, then 2205 and 2202.
//
// # Order
//
// Reports of one person are worked off one after the other; people are independent and run in parallel. A report that
// fails waits by itself. Beside a counter the outbox works on half of the processors and gives way to whoever is being answered;
// to a near centre few messages are on their way at once, while the store writes for many reports together (pace.go). When the line is down, one message at a time feels for it, so that a backlog does not hammer a
// centre that is coming up.
//
// # Decisions
//
// The back-off counts from Report.Attempts, which survives a restart; libraries keep theirs in memory, so the four
// lines are here (backoff.go).
package outbox
