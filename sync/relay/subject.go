package relay

import (
	"errors"
	"regexp"
	"strings"

	"gongji/sync/nhsa"
)

// DefaultPrefix begins every subject where nothing else is configured.
const DefaultPrefix = "gongji"

var (
	prefixText = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}(\.[0-9A-Za-z_-]{1,64}){0,7}$`)
	tokenText  = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// subjects are the names of one installation.
type subjects struct{ prefix string }

func newSubjects(prefix string) (subjects, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if !prefixText.MatchString(prefix) {
		return subjects{}, errors.New("upstream.nats.subject_prefix must be words of letters, digits, dashes and underscores, joined by dots")
	}
	return subjects{prefix}, nil
}

func (s subjects) report(venue string) string     { return s.prefix + ".report." + venue }
func (s subjects) ask(venue string) string        { return s.prefix + ".ask." + venue }
func (s subjects) receipt(venue string) string    { return s.prefix + ".receipt." + venue }
func (s subjects) answers(venue string) string    { return s.prefix + ".answer." + venue + ".>" }
func (s subjects) answer(venue, id string) string { return s.prefix + ".answer." + venue + "." + id }
func (s subjects) moved() string                  { return s.prefix + ".moved" }

// stream is the name of the stream of reports: one for each prefix.
func (s subjects) stream() string {
	return strings.ToUpper(strings.ReplaceAll(s.prefix, ".", "_")) + "_REPORTS"
}

// venueOf is the last word of a subject that a venue published on.
func venueOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// VenuePermissions are the subjects that a venue may publish on and subscribe to, for the account of its credentials. A
// server that grants these and no others keeps venues apart.
func VenuePermissions(prefix, venue string) (publish, subscribe []string, err error) {
	s, err := newSubjects(prefix)
	if err != nil {
		return nil, nil, err
	}
	if !tokenText.MatchString(venue) {
		return nil, nil, errors.New("the venue's code cannot be part of a subject")
	}
	return []string{s.report(venue), s.ask(venue), s.receipt(venue)}, []string{s.answers(venue), s.moved()}, nil
}

// The headers of a message. Those of the HTTP request travel beside them.
const (
	headID     = "Nats-Msg-Id"     // the msgid: the stream takes it once
	headStatus = "Gongji-Status"   // HTTP status of the centre's answer; on answers only
	headPart   = "Gongji-Part"     // "2/5" of a message in parts
	headCoding = "Gongji-Coding"   // gzip where the content is compressed
	headPing   = "Gongji-Presence" // asks whether the centre is there

	headHello   = "Gongji-Hello"   // a line listens: the public half of its key
	headProcess = "Gongji-Process" // who tells news: the public half of its key
	headNews    = "Gongji-News"    // the number of a news; on a notice, of the last one
	headTold    = "Gongji-Told"    // on a notice: all of it was told as news
)

// asking are the messages that change nothing that must not be lost: they go beside the stream. A sign-in is repeated at
// will, a file is uploaded again with another number.
var asking = map[string]bool{
	nhsa.InfnoSignIn: true, nhsa.InfnoSignOut: true, nhsa.InfnoPerson: true, nhsa.InfnoInstitution: true,
	nhsa.InfnoDictionary: true, nhsa.InfnoBenefit: true, nhsa.InfnoQuote: true, nhsa.InfnoClinicQuote: true,
	nhsa.InfnoTotals: true, nhsa.InfnoDetails: true, nhsa.InfnoVisits: true, nhsa.InfnoSettlement: true,
	nhsa.InfnoSettledLines: true, nhsa.InfnoUpload: true, nhsa.InfnoDownload: true, nhsa.InfnoFamily: true, nhsa.InfnoDelta: true,
}
