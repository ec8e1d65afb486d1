/** Builds Grafana dashboard JSON. Panels are given in reading order and laid out by width. */

export interface Query {
  readonly expr: string;
  /** Legend of each series, with placeholders such as `{{pool}}`. */
  readonly legend: string;
}

/** Grafana's unit names, and those of `customUnits`. */
export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'reqps' | 'rps' | 'rowsps' | 'none' | 'pods' | 'requests';

interface PanelBase {
  readonly title: string;
  /** Explanation behind the panel's info icon: what it shows and how to read it. */
  readonly description: string;
  readonly unit: Unit;
  /** Width in grid columns, of 24. */
  readonly width: number;
  readonly height?: number;
  readonly queries: readonly Query[];
  /** Values at and above which the panel turns yellow or red. */
  readonly thresholds?: { readonly yellow?: number; readonly red?: number };
}

export type Panel =
  | (PanelBase & { readonly kind: 'lines'; readonly stacked?: boolean; readonly dashed?: string })
  | (PanelBase & { readonly kind: 'stat' })
  | (PanelBase & { readonly kind: 'bars' })
  | (PanelBase & { readonly kind: 'heatmap' })
  /** Table with one row per label set, joined over all queries. */
  | (PanelBase & { readonly kind: 'table'; readonly columns: Readonly<Record<string, Column>> });

/** Table column, keyed by a label or by Grafana's name of a query's value: `Value` with one query, else `Value #A`, `Value #B` … */
interface Column {
  readonly title: string;
  readonly unit?: Unit;
  /** Value at and above which the cell turns red. */
  readonly red?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Mark across all panels at each time at which its expression is above zero. */
export interface Annotation {
  readonly name: string;
  readonly expr: string;
  /** Text of a mark, with placeholders such as `{{pool}}`. */
  readonly text: string;
  readonly color: 'blue' | 'orange' | 'red';
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Template variables by name, with the queries for their values. The data source variable is added to them. */
  readonly variables: Readonly<Record<string, { readonly label: string; readonly query: string }>>;
  /** Marks across all panels. */
  readonly annotations: readonly Annotation[];
  readonly rows: readonly Row[];
}

const columns = 24;
const datasource = { type: 'prometheus', uid: '${datasource}' };
const customUnits: Partial<Record<Unit, string>> = {
  rowsps: 'suffix: rows/s',
  pods: 'suffix: pods',
  requests: 'suffix: requests',
};

export function dashboardJson({ uid, title, description, variables, annotations, rows }: Dashboard): object {
  return {
    uid,
    title,
    description,
    tags: ['sluice'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: '',
    time: { from: 'now-30m', to: 'now' },
    refresh: '10s',
    links: [
      {
        type: 'dashboards',
        title: 'Sluice',
        tags: ['sluice'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'dashboard',
        tooltip: 'The other dashboards, at the same time and for the same pools',
        url: '',
      },
    ],
    templating: { list: [dataSourceVariable, ...Object.entries(variables).map(variable)] },
    annotations: { list: annotations.map(annotationJson) },
    panels: placed(rows),
  };
}

function annotationJson({ name, expr, text, color }: Annotation): object {
  return { name, datasource, expr, titleFormat: name, textFormat: text, iconColor: color, enable: true, step: '15s' };
}

const dataSourceVariable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  current: {},
  hide: 0,
  multi: false,
  includeAll: false,
  refresh: 1,
};

function variable([name, { label, query }]: [string, { label: string; query: string }]): object {
  return {
    name,
    label,
    type: 'query',
    datasource,
    query: { query, refId: name },
    definition: query,
    // 2 = refresh on time range change, since pools come and go.
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    // `.*` also matches series without the label: outside Kubernetes there is no namespace.
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
    hide: 0,
  };
}

function placed(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let id = 0;
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: (id += 1),
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: columns, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      const height = panel.height ?? 8;
      if (x + panel.width > columns) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      panels.push(panelJson(panel, (id += 1), { x, y, w: panel.width, h: height }));
      x += panel.width;
      lineHeight = Math.max(lineHeight, height);
    }
    y += lineHeight;
  }
  return panels;
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const { title, description, queries } = panel;
  const instant = panel.kind === 'table' || panel.kind === 'stat' || panel.kind === 'bars';
  return {
    id,
    title,
    description,
    gridPos,
    datasource,
    ...kindJson(panel),
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      instant,
      range: !instant,
      format: panel.kind === 'table' ? 'table' : panel.kind === 'heatmap' ? 'heatmap' : 'time_series',
    })),
  };
}

function kindJson(panel: Panel): object {
  const defaults = {
    unit: customUnits[panel.unit] ?? panel.unit,
    min: 0,
    thresholds: { mode: 'absolute', steps: steps(panel.thresholds) },
  };
  switch (panel.kind) {
    case 'lines':
      return {
        type: 'timeseries',
        fieldConfig: {
          defaults: {
            ...defaults,
            custom: {
              lineWidth: 1,
              fillOpacity: panel.stacked === true ? 30 : 8,
              showPoints: 'never',
              spanNulls: false,
              stacking: { mode: panel.stacked === true ? 'normal' : 'none' },
              thresholdsStyle: { mode: panel.thresholds === undefined ? 'off' : 'dashed' },
            },
          },
          overrides: panel.dashed === undefined ? [] : [dashed(panel.dashed)],
        },
        options: {
          legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'], showLegend: true },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
      };
    case 'stat':
      return {
        type: 'stat',
        fieldConfig: { defaults, overrides: [] },
        options: {
          colorMode: panel.thresholds === undefined ? 'none' : 'background',
          graphMode: 'none',
          textMode: 'value_and_name',
          wideLayout: true,
          reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        },
      };
    case 'bars':
      return {
        type: 'bargauge',
        fieldConfig: { defaults, overrides: [] },
        options: {
          displayMode: 'basic',
          orientation: 'horizontal',
          reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        },
      };
    case 'heatmap':
      return {
        type: 'heatmap',
        fieldConfig: { defaults: {}, overrides: [] },
        options: {
          calculate: false,
          yAxis: { unit: defaults.unit },
          color: { mode: 'scheme', scheme: 'Oranges', steps: 32 },
          cellGap: 1,
          tooltip: { mode: 'single', yHistogram: true },
        },
      };
    case 'table':
      return {
        type: 'table',
        fieldConfig: {
          defaults: { custom: { filterable: true } },
          overrides: Object.values(panel.columns).flatMap((column) => cells(column)),
        },
        options: { showHeader: true, cellHeight: 'sm' },
        transformations: [
          ...(panel.queries.length > 1 ? [{ id: 'merge', options: {} }] : []),
          {
            id: 'organize',
            options: {
              // Shows the named columns in this order, and hides all others.
              includeByName: columnsOf(panel.columns, () => true),
              indexByName: columnsOf(panel.columns, (_, index) => index),
              renameByName: columnsOf(panel.columns, ({ title }) => title),
            },
          },
        ],
      };
  }
}

function columnsOf<Value>(
  columns: Readonly<Record<string, Column>>,
  read: (column: Column, index: number) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(columns).map(([name, column], index) => [name, read(column, index)]));
}

function cells({ title, unit, red }: Column): object[] {
  const properties = [
    ...(unit === undefined ? [] : [{ id: 'unit', value: customUnits[unit] ?? unit }]),
    ...(red === undefined
      ? []
      : [
          { id: 'thresholds', value: { mode: 'absolute', steps: steps({ red }) } },
          { id: 'custom.cellOptions', value: { type: 'color-text' } },
        ]),
  ];
  return properties.length === 0 ? [] : [{ matcher: { id: 'byName', options: title }, properties }];
}

function dashed(series: string): object {
  return {
    matcher: { id: 'byRegexp', options: series },
    properties: [
      { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
      { id: 'custom.fillOpacity', value: 0 },
      { id: 'custom.stacking', value: { mode: 'none' } },
    ],
  };
}

function steps({ yellow, red }: NonNullable<PanelBase['thresholds']> = {}): object[] {
  return [
    { color: 'green', value: null },
    ...(yellow === undefined ? [] : [{ color: 'yellow', value: yellow }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ];
}
