// Package nhsa speaks the national healthcare security interface (国家医疗保障信息平台 定点医药机构接口): the envelope,
// the transport, and one file for each message with its vectors beside it in testdata.
//
// # Strict out, tolerant in
//
// What is sent is checked before it leaves: mandatory fields, lengths in characters, formats, and the identities of
// amounts. What a centre answers is read as centres really answer: infcode as a number or a string, amounts as number,
// string, "" or null, an object where the table says array, a misspelt name, an output that is JSON inside a string,
// times without milliseconds. What cannot be read with certainty is never guessed: it makes the outcome [Unknown].
//
// # Outcomes
//
// A message that moves money has exactly three outcomes for the sender. [Answered]: the centre's envelope came back
// whole. [NotSent]: not one byte of it can have left this machine, now or later. [Unknown]: everything else. The
// difference between the last two decides whether a sale may be sent again, so it is proved and not inferred from an
// error text: each connection counts the writes that began, and it is sealed before the outcome is stated (see conn.go).
//
// # Decisions
//
// HTTP/2 and transparent repeats are off: both can put a message on the wire a second time without telling the caller.
// A redirect is not followed, for the same reason. Any status but 200 is Unknown, whatever its body says: a gateway may
// turn a booked answer into its own error.
//
// An infcode that is neither 0 nor -1 is handed to the caller as it is; only 0 counts as done and only -1 as refused.
//
// # Chinese algorithms
//
// SM2, SM3 and SM4 come from github.com/emmansun/gmsm: it is in active upkeep (several releases a year up to this one,
// issues answered, a security policy), its SM2 signing runs in constant time on assembler or fiat field code, and it
// needs only x/crypto and x/sys besides. The older tjfoc/gmsm has had no upkeep for years and signs on math/big.
package nhsa
