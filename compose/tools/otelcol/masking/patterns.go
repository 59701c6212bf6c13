package masking

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

// document is a copy of observability/masking.json, which says what is in it.
//
//go:embed patterns.json
var document []byte

type rules struct {
	Mask       string
	Signs      []string
	CardDigits int    `json:"card_digits"`
	SecretName string `json:"secret_name"`
	Patterns   []struct {
		// Words of which one is in every text that has it, in lower case.
		Words      []string
		Expression string
		Tail       string
	}
}

// pattern finds what is masked. Its first group is kept; its second, if it has one, is a card's number.
type pattern struct {
	words      []string
	expression *regexp.Regexp
	masked     string
}

var (
	mask       string
	signs      []string
	cardDigits int
	secretName *regexp.Regexp
	patterns   []pattern

	names sync.Map
	known atomic.Int64
)

const (
	// group is the length of the groups that a card's number is written in, the shortest of them.
	group    = 4
	maxNames = 4096
)

func init() {
	var read rules
	if err := json.Unmarshal(document, &read); err != nil {
		panic(err)
	}
	mask, signs, cardDigits = read.Mask, read.Signs, read.CardDigits
	secretName = regexp.MustCompile(read.SecretName)
	for _, each := range read.Patterns {
		patterns = append(patterns, pattern{each.Words, regexp.MustCompile(each.Expression), mask + each.Tail})
	}
}

// mayHold is whether a text has a sign of something to mask. False of nearly all, and quick.
func mayHold(text string) bool {
	return containsAny(strings.ToLower(text), signs) || mayHoldCard(text)
}

// mayHoldCard is whether a text has as many digits in a row as a card's number, or two groups of them side by side. Ids,
// which have as many digits, seldom do.
func mayHoldCard(text string) bool {
	run, before := 0, 0
	for at := 0; at < len(text); at++ {
		letter := text[at]
		if letter-'0' <= 9 {
			run++
			if run >= cardDigits || run >= group && before >= group {
				return true
			}
			continue
		}
		before = 0
		if letter == ' ' || letter == '+' || letter == '.' || letter == '-' {
			before = run
		} else if strings.HasPrefix(text[at:], "%20") {
			before = run
			at += len("%20") - 1
		}
		run = 0
	}
	return false
}

// text is the text with `***` in place of what is masked.
func text(text string) string {
	lower := strings.ToLower(text)
	for _, each := range patterns {
		if each.expression.NumSubexp() > 1 {
			if mayHoldCard(text) {
				text = each.maskCards(text)
			}
		} else if containsAny(lower, each.words) {
			text = each.expression.ReplaceAllString(text, "${1}"+each.masked)
		}
	}
	return text
}

func (p pattern) maskCards(text string) string {
	var masked strings.Builder
	end := 0
	for _, found := range p.expression.FindAllStringSubmatchIndex(text, -1) {
		from, to := found[4], found[5]
		if passesLuhn(text[from:to]) {
			masked.WriteString(text[end:from] + p.masked)
			end = to
		}
	}
	return masked.String() + text[end:]
}

// passesLuhn is whether a number has the check digit of ISO/IEC 7812-1.
func passesLuhn(number string) bool {
	number = strings.ReplaceAll(number, "%20", "")
	sum, at := 0, 0
	for index := len(number) - 1; index >= 0; index-- {
		if number[index]-'0' > 9 {
			continue
		}
		digit := int(number[index]-'0') * (1 + at%2)
		sum += digit/10 + digit%10
		at++
	}
	return sum%10 == 0
}

// isSecret is whether the name of a field says that its value is secret. Few names come, again and again.
func isSecret(name string) bool {
	if is, ok := names.Load(name); ok {
		return is.(bool)
	}
	found := secretName.MatchString(name)
	if known.Add(1) <= maxNames {
		names.Store(strings.Clone(name), found)
	}
	return found
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
