// Package session ties a sale to the card that is in the reader now.
//
// A till sends a request with identities as text. The session waits for the card, decides whether the credential is the
// patient's own (人卡一致), replaces every number by a [settle.PersonID] or a keyed hash, and asks the ledger to quote or
// to settle. Raw numbers and names end here: what leaves the package is masked, hashed or sealed.
//
// # Decisions
//
// The evidence is the reader's sequence number. It is taken with the card's data, written into the presence, and looked at
// once more inside the ledger's write transaction ([settle.SettleOrder].Confirm): a card that was pulled or swapped in
// between refuses the sale with CARD_REMOVED and nothing is written.
//
// A finished id needs no card. The ledger is asked first; where it knows the id, the request is rebuilt around the stored
// patient and compared there, so that the same content gets the same answer and other content IDEMPOTENCY_CONFLICT, even
// when the patient has long left the counter.
//
// The centre is asked as soon as a card comes in, while the cashier still types. A sale waits a short while for that
// answer, and settles from what the ledger knows if it does not come.
//
// Without a social security card, a sale takes the 医保码 that was scanned in the last minute, or the identity card on its
// reader. A code goes to the centre once and is forgotten; the answer stands for that one sale for a minute, so that a quote
// and a changed basket need no second scan. What lies there beside the credential must be the same person's. A code means
// nothing while the centre cannot be reached; it then stays in the scanner.
//
// Where the centre decides ([Options].Inline), a sale is asked for in line and settled with what it says; where it cannot say,
// the ledger decides under the offline rules. From the moment that the question may have left, the request is carried to its
// end whatever the till does, requests for one sale go one after the other, and a sale that is refused here after the centre
// may have booked it is abandoned there. The code of a 医保码 then lives in memory until its sale is settled, a minute at most.
//
// Bindings and contributions are asked for by the giver with their own card, under the same evidence. The other person is
// named by number and name, and must be somebody the ledger knows.
package session
