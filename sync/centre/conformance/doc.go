// Package conformance holds a centre, ours or anybody's, to what gongjid relies on: each [Check] speaks the national
// interface over HTTP and says what it found wrong. It needs a venue, an operator, and a person with a card and an
// account who may be used for it; every settlement it makes is cancelled again.
//
// Its own test runs against the reference centre in this process, or, with GONGJI_CONFORMANCE_URL set, against that
// address; the demo family of gongji-centre --demo is expected there.
package conformance
