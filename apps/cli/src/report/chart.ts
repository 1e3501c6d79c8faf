import { init, use, type ComposeOption } from "echarts/core";
import {
  BarChart,
  CustomChart,
  LineChart,
  type BarSeriesOption,
  type CustomSeriesOption,
  type LineSeriesOption,
} from "echarts/charts";
import {
  GridComponent,
  LegendComponent,
  type GridComponentOption,
  type LegendComponentOption,
} from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);

/** What the charts of a report are made of. */
export type ChartOption = ComposeOption<
  BarSeriesOption | CustomSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption
>;

/** Variables of the page's style; SVG resolves them where the chart stands. */
export const colours = {
  card: "var(--card)",
  ink: "var(--ink)",
  faint: "var(--faint)",
  grid: "var(--grid)",
  line: "var(--line)",
  accent: "var(--accent)",
  second: "var(--second)",
} as const;

/** That of the page. A list of names would need quotes, which the renderer does not escape. */
export const chartFont = "inherit";

/** Axis furniture that every chart shares. */
export const axisStyle = {
  axisLine: { lineStyle: { color: colours.line } },
  axisTick: { show: false },
  axisLabel: { color: colours.faint, fontSize: 12 },
  splitLine: { lineStyle: { color: colours.grid } },
  nameTextStyle: { color: colours.faint, fontSize: 12 },
} as const;

/** A grid whose margins are counted from the labels of the axes. */
export const withLabels = { outerBoundsMode: "same", outerBoundsContain: "axisLabel" } as const;

/** Draws a chart as SVG text, with `description` for those who cannot see it. */
export function drawChart(option: ChartOption, width: number, height: number, description: string): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: chartFont }, ...option });
    return asFigure(chart.renderToSVGString(), description);
  } finally {
    chart.dispose();
  }
}

/**
 * Leaves out what only a script on the page would use, and the counters of this process in names: equal figures give
 * equal bytes, and two charts of a page share no name.
 */
function asFigure(svg: string, description: string): string {
  const prefix = description.toLowerCase().replaceAll(/[^a-z]+/g, "-");
  return svg
    .replaceAll(/<style >.*?<\/style>/gs, "")
    .replaceAll(/ (?:class|ecmeta_\w+)="[^"]*"/g, "")
    .replaceAll(/(?<=id="|url\(#)zr\d+-/g, `${prefix}-`)
    .replace("<svg ", `<svg role="img" aria-label="${description}" `);
}
