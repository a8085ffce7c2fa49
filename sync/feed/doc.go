// Package feed keeps the cached ledger fresh: on a swipe ([Refresher]) and by itself ([Puller]). Whichever way facts
// come, they become one settle.Snapshot and enter the ledger through one door, [Store].
//
// The national interface knows a person's own balance only (1101). The two messages G101 (one person's family now) and
// G102 (everything changed since a cursor) carry relatives, their balances and their order. They are our extension, and
// a centre without them answers "unknown transaction"; that switches the extension off until the next start, with one
// warning, and swipes go on with 1101.
//
// # Decisions
//
// A delta page is applied as it comes, since its cursor makes the rest resumable. The pages of a full snapshot are
// gathered and applied as one, for whatever a full snapshot does not name is ended, and half of one names too little.
package feed
