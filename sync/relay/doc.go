// Package relay carries a venue's messages to the centre and back over NATS, its reports through JetStream, and tells
// venues at once that something has changed which cannot wait for the next pull. It stands where HTTP would stand: the
// venue's end ([Line]) is an http.RoundTripper under nhsa.Client, the centre's end ([Server]) feeds the centre's own
// http.Handler. Nothing of the national envelope changes, and neither do the outbox's rules.
//
// # Subjects
//
// Each venue has its own, so that a server's permissions can keep venues apart ([VenuePermissions]):
//
//	gongji.report.<venue>           to the centre, through the stream: whatever books, changes or is noted
//	gongji.ask.<venue>              to the centre, not kept: whatever only asks, and whether the centre is there
//	gongji.receipt.<venue>          "was this one answered?", after the line was lost
//	gongji.answer.<venue>.<msgid>   to the venue: the stream's acknowledgement, and the centre's envelope
//	gongji.answer.<venue>.news-…    to the venue: news, sealed for one line of it
//	gongji.moved                    to all: something urgent has changed; no identities, only where the feed stands
//
// A venue publishes on its first three and listens to the last two, and to nothing else: no inbox, no JetStream API. The
// centre's end also holds each envelope's fixmedins_code against the subject that it came on, so that what the server lets
// a venue send, it can send in its own name only.
//
// # What counts
//
// JetStream acknowledges a message before its servers have synced it, and a stream in memory never syncs: its
// acknowledgement is no receipt. A report is accepted when the centre's own envelope has come back, and by nothing else.
// The outbox has it on disk before it leaves and until then. So an exchange ends as over HTTP:
//
//	answered   the centre's envelope is here
//	not sent   certainly nothing is with the centre nor on its way: the line is down, nobody listens, or the stream has
//	           refused the message (full). A stream's leader refuses before it proposes to its followers
//	unknown    everything else: a time-out after the message left, acknowledged or not, whoever fell
//
// Before anything is put into the stream after a silence, the centre is asked whether it is there; a centre that is away
// makes "not sent", and not a heap of unknown messages. What was put there while it went away is delivered when it is back,
// late rather than never: the 2601 that follows such a message is in the stream behind it and undoes it.
//
// # Once
//
// Nats-Msg-Id is the envelope's msgid: within [Bounds].Duplicates the stream takes it once. Deliveries may repeat, since a
// centre's process may fall between booking and acknowledging. The process that answered gives the same answer again, from
// memory; another asks its centre, which refuses a msgid that it has booked. A venue never sends a message twice.
//
// # News
//
// What may pay less than before cannot wait for a pull of every venue: a lost card, a death, an ended binding, money set aside
// for others. It goes out in full, sealed for each line that has said that it listens, numbered by the process that says it.
// A line takes news in order; the notice that follows says the last number, so a line that missed one pulls. News moves no
// cursor and makes nothing newer: the next pull tells the same again and stands over it. That is why it may come twice (every
// process of a centre tells it), late, or from a process whose clock is off. What lets more be paid waits for a pull.
//
// # Decisions
//
// The stream lives in memory. Envelopes hold identities, which have no business on a message server's disk, and a file
// would not make an acknowledgement a receipt. What all replicas lose together is unknown, and the outbox knows what to
// do. Who does not trust the servers' memory either sets upstream.body.cipher: sm4, which seals the content end to end.
//
// The stream refuses what is new when it is full, for a dropped old message would be unknown to a venue that was told it
// is kept. Each venue has a bound of its own besides, so that one that floods shuts out itself.
//
// Asking goes beside the stream: a lost question is asked again, and a snapshot page in a stream would cost three copies.
//
// nats.go and nats-server/v2 are the maintainers' own client and server, both in active upkeep; the server is in the tests
// only. nkeys comes with the client and reads seeds.
package relay
