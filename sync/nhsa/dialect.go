package nhsa

import "strings"

// Dialect is how one centre words what its interface has no code for. A text matches when it contains one of the
// phrases; none of them is ever taken as proof that money did or did not move.
type Dialect struct {
	SignInTexts   []string // the sign-in number is missing or has run out
	UnknownTexts  []string // the centre does not have this transaction
	RepeatedTexts []string // the msgid was used before, so an earlier copy of the message may have been booked
}

// DefaultDialect covers the wordings that were seen and those of the reference centre.
func DefaultDialect() Dialect {
	return Dialect{
		SignInTexts:   []string{"[SIGNIN]", "签到"},
		UnknownTexts:  []string{"[INFNO]", "交易编号不存在", "未知交易", "不支持的交易", "交易不存在"},
		RepeatedTexts: []string{"[MSGID-REPEATED]", "报文ID重复", "msgid重复", "报文重复"},
	}
}

// SignInRefused reports whether the centre asks for a sign-in first.
func (c *Client) SignInRefused(o Outcome) bool { return refusedWith(o, c.options.Dialect.SignInTexts) }

// TransactionUnknown reports whether the centre does not have the transaction at all.
func (c *Client) TransactionUnknown(o Outcome) bool {
	return refusedWith(o, c.options.Dialect.UnknownTexts)
}

// MessageRepeated reports whether the centre has seen the msgid before.
func (c *Client) MessageRepeated(o Outcome) bool {
	return refusedWith(o, c.options.Dialect.RepeatedTexts)
}

func refusedWith(o Outcome, phrases []string) bool {
	if !o.Refused() {
		return false
	}
	for _, phrase := range phrases {
		if phrase != "" && strings.Contains(o.Answer.Text, phrase) {
			return true
		}
	}
	return false
}
