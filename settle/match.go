package settle

import "strings"

// Claimed is the patient as the till states them. Number may be zero: then the credential's holder is the patient.
type Claimed struct {
	Number IDNumber
	Name   string
}

// Shown is the holder of the credential at the counter, as read from it or as the centre resolved it.
type Shown struct {
	Number IDNumber
	Name   string
}

// MatchCard is the person-card-match rule (人卡一致; Regulation on the use of medical security funds, articles 17 and
// 41; S-006, S-018, S-059, S-220): the credential must be the patient's own. Numbers decide; where the till also gives
// a name, it must be the same name after folding of spaces, width and the inner dots of minority names. The error is
// PERSON_CARD_MISMATCH with reason E_CARD_OWNER_MISMATCH and tells which of the two differed, never the values.
func MatchCard(claimed Claimed, shown Shown) error {
	if !claimed.Number.Zero() && claimed.Number.Reveal() != shown.Number.Reveal() {
		return mismatch("number")
	}
	if claimed.Name != "" && shown.Name != "" && FoldName(claimed.Name) != FoldName(shown.Name) {
		return mismatch("name")
	}
	return nil
}

func mismatch(what string) error {
	return (&Error{Code: PersonCardMismatch, Reason: ECardOwnerMismatch}).With("differs", what)
}

// innerDots are the characters that stand for the dot inside a minority name, depending on who typed it.
const innerDots = "·•‧∙⋅・･．.●"

// FoldName makes two spellings of one name equal: no white space, one kind of inner dot, full-width Latin letters as
// narrow ones, Latin letters in upper case.
func FoldName(name string) string {
	var folded strings.Builder
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r == ' ' || r == '\t' || r == '\u3000' || r == '\u00a0':
			continue
		case strings.ContainsRune(innerDots, r):
			r = '·'
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		}
		folded.WriteRune(r)
	}
	return strings.ToUpper(folded.String())
}
