package cardreader

import (
	"context"
	"time"

	"gongji/cardreader/idcard"
)

// identityReader is a resident identity card reader.
//
// Most readers find a document once and then no more until it is lifted; some find it at every look. Of the first kind it is
// asked whether the latest address can still be read, of the second the text is read again and compared. Either way a
// document that is exchanged for another between two looks is seen.
type identityReader struct {
	link *idcard.Link
	// number of the document read last, empty when it has left.
	number string
	// lies: when this program came, a document lay on the reader that somebody had read before; it will not be found again.
	lies bool
}

func (d *identityReader) start(ctx context.Context) error {
	if err := d.link.Drain(ctx); err != nil {
		return err
	}
	if err := d.link.Check(ctx); err != nil {
		return err
	}
	var err error
	d.lies, err = d.link.Lies(ctx)
	return err
}

func (d *identityReader) look(ctx context.Context) (present, left bool, err error) {
	found, err := d.link.Find(ctx)
	if lies := d.lies; err == nil {
		found, d.lies = found || lies, false
	}
	switch {
	case err != nil && isCardError(err):
		return false, false, nil // something lies there that is no document
	case err != nil || d.number == "":
		return found, false, err
	case !found:
		present, err = d.link.Lies(ctx)
	default:
		var same bool
		same, err = d.link.Identify(ctx, d.number)
		present, left = true, !same
	}
	if err == nil && (left || !present) {
		d.number = ""
	}
	return present, left, err
}

func (d *identityReader) wait(ctx context.Context, wait time.Duration) error {
	return d.link.Wait(ctx, wait)
}

func (d *identityReader) announces() bool { return false }

func (d *identityReader) name(ctx context.Context) (string, error) {
	id, err := d.link.SAMID(ctx)
	return "SAM " + id.String(), err
}

func (d *identityReader) read(ctx context.Context, agreed func(Credential)) (Credential, error) {
	c, err := d.link.Read(ctx, func(c idcard.Card) {
		d.number = c.Number
		if agreed != nil {
			agreed(identity(c))
		}
	})
	return identity(c), err
}

// identity turns what a document says into the form of the house.
func identity(c idcard.Card) Credential {
	if c.Number == "" {
		return Credential{}
	}
	name := c.Name
	if name == "" {
		name = c.EnglishName
	}
	return Credential{
		Kind: CardIdentity, IDNumber: c.Number, Name: name, Sex: c.Sex, Ethnicity: c.Ethnicity, BirthDate: c.BirthDate,
		IssuedOn: c.From, ExpiresOn: c.To,
		Document: &Document{
			Type: c.Type.String(), EnglishName: c.EnglishName, Country: c.Country, Address: c.Address, LatestAddress: c.LatestAddress,
			Issuer: c.Issuer, LongTerm: c.LongTerm, PassNumber: c.PassNumber, Issues: c.Issues, Photo: c.Photo,
		},
	}
}
