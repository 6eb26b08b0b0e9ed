package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plots draws cost against streams and against rooms, where they were measured at
// more than one place, and gives the Markdown that shows what it drew.
func plots(dir string, done []*measured) (markdown string, err error) {
	for _, p := range []struct {
		file, scenarios, title, x, figure string
		logarithmic                       bool
	}{
		{"cost-streams.svg", "paced-", "20,000 deliveries a second in all", "streams in one room", cpuDelivery, false},
		{"cost-rooms.svg", "many-", "a POST heard by 5 streams", "rooms", cpuPost, true},
	} {
		var of []*measured
		for _, m := range done {
			if strings.HasPrefix(m.name, p.scenarios) {
				of = append(of, m)
			}
		}
		if len(of) < 2 {
			continue
		}
		if err := draw1(filepath.Join(dir, p.file), p.title, p.x, p.figure, p.logarithmic, of); err != nil {
			return "", err
		}
		markdown += fmt.Sprintf("\n![%s: %s against %s](%s)\n", p.title, p.figure, p.x, p.file)
	}
	return markdown, nil
}

// Colours that are told apart by most eyes, on white and on black.
var colours = []color.Color{
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x80, 0x80, 0x80, 0xff}, color.RGBA{0x00, 0x72, 0xb2, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
}

func draw1(path, title, x, fig string, logarithmic bool, of []*measured) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, fig
	p.Y.Min = 0
	if logarithmic {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{}
	}
	p.BackgroundColor = color.White
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for i, name := range of[0].peers {
		var points plotter.XYs
		for _, m := range of {
			if v := m.values(name, figuresByName[fig]); len(v) > 0 {
				points = append(points, plotter.XY{X: m.x, Y: spreadOf(v).median})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colours[i%len(colours)], vg.Points(2)
		dots.Color, dots.Shape = line.Color, draw.CircleGlyph{}
		p.Add(line, dots)
		p.Legend.Add(of[0].titles[name], line, dots)
	}
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.15
	return p.Save(7*vg.Inch, 4*vg.Inch, path)
}
