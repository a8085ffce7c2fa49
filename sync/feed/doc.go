// Package feed keeps the cached ledger fresh: on a swipe ([Refresher]) and by itself ([Puller]). Whichever way facts
// come, they become one settle.Snapshot and enter the ledger through one door, [Store].
//
// The national interface knows a person's own balance only (1101). The two messages G101 (one person's family now) and
// G102 (everything changed since a cursor) carry relatives, their balances and their order. They are our extension, and
// a centre without them answers "unknown transaction"; that switches the extension off until the next start, with one
// warning, and swipes go on with 1101.
//
// Where the centre has no feed, the same facts come as a file that somebody trusted has signed ([Importer]): looked at first,
// applied as it was looked at, once, and remembered. Signatures are minisign's, so that whoever issues the files needs one
// small well-known program and no infrastructure of certificates; aead.dev/minisign reads them, since it is the maintained
// Go implementation of the format, checks the signed comment and the pre-hashed form as well, and needs golang.org/x/crypto
// only.
//
// # Decisions
//
// A delta page is applied as it comes, since its cursor makes the rest resumable. The pages of a full snapshot count as
// one, for whatever a full snapshot does not name is ended, and half of one names too little: they are gathered in the
// store ([BulkStore]), page by page, and made to count by the last. Files of any size go the same way ([Importer.ApplyFile]):
// read as a stream, once to check them and once into the store, and never held in memory.
//
// An allowance is given back in the ledger before the centre hears of it (G105), so that a message that was lost can only
// leave money set aside too long, never spent twice. It is given back when it ends soon, or all of it when a manager
// says so. A daemon that ends gives nothing back: a restart for an update, or a PC that is switched off at night, would leave
// the shop without money for the next morning's cut line.
package feed
