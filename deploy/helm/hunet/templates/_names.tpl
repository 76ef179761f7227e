{{/* Call them with (dict "root" $ "part" "triton"). */}}

{{- define "hunet.selector" -}}
app.kubernetes.io/name: hunet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "hunet.labels" -}}
{{ include "hunet.selector" . }}
app.kubernetes.io/version: {{ (index .root.Values .part).image.tag | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "hunet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "hunet.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{- define "hunet.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "hunet.selector" . | nindent 6 }}
{{- end }}

{{/* What a caller shows and trusts, and where traces go. */}}
{{- define "hunet.callerEnvironment" -}}
{{- if .Values.tls.secret }}
- {name: HUNET_TLS__CA, value: /run/tls/ca.pem}
- {name: HUNET_TLS__CERTIFICATE, value: /run/tls/client.pem}
- {name: HUNET_TLS__KEY, value: /run/tls/client-key.pem}
{{- end }}
{{- if .Values.traces.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .Values.traces.endpoint | quote }}}
{{- end }}
{{- end }}

{{- define "hunet.tlsMount" -}}
{{- if .Values.tls.secret }}
- {name: certificates, mountPath: /run/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "hunet.tlsVolume" -}}
{{- if .Values.tls.secret }}
- name: certificates
  secret: {secretName: {{ .Values.tls.secret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* The way to the collector, for a policy's egress. */}}
{{- define "hunet.tracesEgress" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.traces.namespace }}}
  ports:
    - {protocol: TCP, port: {{ .Values.traces.port }}}
{{- end }}

{{- define "hunet.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Kubernetes' own gRPC probe shows no certificate. */}}
{{- define "hunet.preprocessProbe" -}}
{{- if .Values.tls.secret }}
exec:
  command:
    - hunet-preprocess
    - check
    - --address=localhost:50051
    - --tls-ca=/run/tls/ca.pem
    - --tls-certificate=/run/tls/client.pem
    - --tls-key=/run/tls/client-key.pem
{{- else }}
grpc: {port: 50051}
{{- end }}
{{- end }}
