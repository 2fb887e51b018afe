-- As in 0000_bootstrap.sql, another database may have made these roles already.
do $$
declare
    role_name text;
begin
    foreach role_name in array
        array['fleetlog_writer', 'fleetlog_projector', 'fleetlog_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = role_name) then
                execute format('create role %I nologin', role_name);
            end if;
        exception when duplicate_object or unique_violation then null;
        end;
    end loop;
    begin
        if not exists (select from pg_roles where rolname = 'fleetlog_app') then
            create role fleetlog_app login noinherit;
        end if;
    exception when duplicate_object or unique_violation then null;
    end;
    begin
        grant fleetlog_writer, fleetlog_projector, fleetlog_reader to fleetlog_app;
    exception when unique_violation or internal_error then null;
    end;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant fleetlog_projector to %I', current_user);
    end if;
end
$$;

grant fleetlog_reader to fleetlog_writer, fleetlog_projector;

grant usage on schema fleetlog to fleetlog_writer, fleetlog_projector, fleetlog_reader;
create schema fleetlog_read_models authorization fleetlog_projector;
grant usage on schema fleetlog_read_models to fleetlog_reader;
alter default privileges for role fleetlog_projector in schema fleetlog_read_models
    grant select on tables to fleetlog_reader;
