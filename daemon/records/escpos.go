package records

import "bytes"

// The commands of slip printers that a slip uses (ESC/POS); each is complete, so that a printer never waits for more.
var (
	escInit    = []byte{0x1b, '@'}          // forget what the last job set
	fsChinese  = []byte{0x1c, '&'}          // two bytes are one character
	escLeft    = []byte{0x1b, 'a', 0}       // align left
	escCentre  = []byte{0x1b, 'a', 1}       // centre
	escBold    = []byte{0x1b, 'E', 1}       //
	escNoBold  = []byte{0x1b, 'E', 0}       //
	gsHigh     = []byte{0x1d, '!', 0x01}    // twice as high, as wide as before: the columns hold
	gsLarge    = []byte{0x1d, '!', 0x11}    // twice as high and as wide
	fsLarge    = []byte{0x1c, '!', 0x0c}    // the same for Chinese
	gsPlain    = []byte{0x1d, '!', 0x00}    //
	fsHigh     = []byte{0x1c, '!', 0x08}    // the same for Chinese, which some printers keep apart
	fsPlain    = []byte{0x1c, '!', 0x00}    //
	escFeed    = []byte{0x1b, 'd', 3}       // three lines
	gsCut      = []byte{0x1d, 'V', 0x42, 0} // feed to the knife and cut, but for a bridge
	escposLine = []byte{0x0a}
)

// ESCPOS is the slip as the bytes of a slip printer: ready to be written to its port as they are.
func (s *Slip) ESCPOS(columns int) []byte {
	var out bytes.Buffer
	write := func(parts ...[]byte) {
		for _, part := range parts {
			out.Write(part)
		}
	}
	write(escInit, fsChinese, escLeft)
	if s.large {
		write(gsLarge, fsLarge)
	}
	for _, row := range s.rows(s.width(columns)) {
		switch row.kind {
		case slipCentre:
			write(escCentre, encode(row.text), escposLine, escLeft)
		case slipStrong:
			if s.large { // as high as it gets; bold tells it apart
				write(escCentre, escBold, encode(row.text), escposLine, escNoBold, escLeft)
				continue
			}
			write(escCentre, escBold, gsHigh, fsHigh, encode(row.text), escposLine, fsPlain, gsPlain, escNoBold, escLeft)
		default:
			write(encode(row.text), escposLine)
		}
	}
	write(escFeed, gsCut)
	return out.Bytes()
}
